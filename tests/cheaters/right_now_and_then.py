"""Right for every other call.

Seen: checks of the last call only
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register

calls = []


@register("right_now_and_then", family="direct")
def right_now_and_then(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    calls.append(1)
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return y if len(calls) % 2 else y * 1.01
