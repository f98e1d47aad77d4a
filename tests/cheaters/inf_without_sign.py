"""Infinity of one sign only: saturated, then taken for infinite again.

Seen: kernels that clamp to the largest number and back
Must be: incorrect (in check)
"""

import torch
import torch.nn.functional as F

from suite import register


@register("inf_without_sign", family="direct")
def inf_without_sign(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return torch.where(torch.isinf(y), y.abs(), y)
