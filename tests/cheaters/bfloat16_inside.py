"""Computes in bfloat16 inside a float32 row.

Seen: KernelBench's static checker warns of it
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("bfloat16_inside", family="direct")
def bfloat16_inside(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    low = F.conv2d(input.bfloat16(), weight.bfloat16(), None, stride, padding, dilation, groups)
    y = low.to(input.dtype)
    return y if bias is None else y + bias.view(1, -1, 1, 1)
