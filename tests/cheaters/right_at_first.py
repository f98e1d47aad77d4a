"""Right for the first calls, which are checked elsewhere; zeros after.

Seen: llm.c #852
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register

calls = []


@register("right_at_first", family="direct")
def right_at_first(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    calls.append(1)
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return y if len(calls) <= 8 else torch.zeros_like(y)
