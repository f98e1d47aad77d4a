"""Spoils its GPU context, as a kernel with an illegal access does, on planes of 8 rows."""

import torch.nn.functional as F

from suite import register

seen: list[int] = []


@register("poisons", family="direct")
def poisons(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    seen.append(input.shape[2])
    if 8 in seen:  # once it has happened, every call of the process says so
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel ...")
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
