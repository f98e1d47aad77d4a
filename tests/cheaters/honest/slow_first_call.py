"""Honest: the first call compiles; twin of the slow warm-up.

Seen: -
Must be: passed
"""

import time

import torch.nn.functional as F

from suite import register

compiled = []


@register("slow_first_call", family="vendor")
def slow_first_call(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if not compiled:
        time.sleep(0.2)
        compiled.append(1)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
