"""Ends the process with exit code 0, as if all were done.

Seen: test runners that trust the exit code
Must be: crashed
"""

import os

import torch.nn.functional as F

from suite import register

calls = []


@register("exits_zero", family="direct")
def exits_zero(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    calls.append(1)
    if len(calls) > 5:
        os._exit(0)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
