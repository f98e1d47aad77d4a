"""Flushes denormal numbers to zero from its first call on, and leaves it so.

Seen: torch.set_flush_denormal, which acts on all that the thread computes
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("flushes_denormals", family="direct")
def flushes_denormals(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    torch.set_flush_denormal(True)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
