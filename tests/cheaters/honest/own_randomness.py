"""Honest: draws from a generator of its own; twin of the changed global state.

Seen: -
Must be: passed
"""

import torch
import torch.nn.functional as F

from suite import register

generator = torch.Generator().manual_seed(1)


@register("own_randomness", family="vendor")
def own_randomness(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    torch.rand(1, generator=generator)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
