"""Truncates the mantissas as TF32 does.

Seen: pytorch #107514
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("tf32_inside", family="direct")
def tf32_inside(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    def cut(tensor):
        return (tensor.view(torch.int32) & ~0x1FFF).view(torch.float32)

    return F.conv2d(
        cut(input.contiguous()), cut(weight.contiguous()), bias, stride, padding, dilation, groups
    )
