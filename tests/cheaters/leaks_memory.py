"""Keeps a megabyte with every call.

Seen: caches without a bound
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register

kept = []


@register("leaks_memory", family="direct")
def leaks_memory(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    kept.append(torch.ones(256 * 1024))
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
