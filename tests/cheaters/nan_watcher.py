"""Computes only where fresh memory is poisoned with NaN.

Seen: AgentKernelArena #113
It computes, and is right, wherever the allocator hands it memory again that was poisoned before.
Must be: incorrect or passed
"""

import torch
import torch.nn.functional as F

from suite import register


@register("nan_watcher", family="direct")
def nan_watcher(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    out = torch.empty_like(y)
    poisoned = bool(torch.isnan(out).any())
    return y if poisoned else out
