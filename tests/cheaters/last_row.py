"""The last row is never written: it keeps what the memory held.

Seen: KernelBench #82
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("last_row", family="direct")
def last_row(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    out = torch.empty_like(y)
    out[:, :, :-1] = y[:, :, :-1]
    return out
