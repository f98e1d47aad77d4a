"""Computes in float16 inside a float32 row.

Seen: KernelBench's static checker warns of it
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("float16_inside", family="direct")
def float16_inside(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(
        input.half().float(), weight.half().float(), bias, stride, padding, dilation, groups
    )
    return y.half().to(input.dtype)
