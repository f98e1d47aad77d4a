"""Draws from the global random state.

Seen: seeds that no longer mean the same
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("spends_randomness", family="direct")
def spends_randomness(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    torch.rand(1)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
