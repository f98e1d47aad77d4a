"""Calls F.conv2d under another name; its time is torch's, and a note says so.

Seen: KernelBench's static checker
Must be: passed
"""

import torch.nn.functional as F

from suite import register


@register("falls_back", family="direct")
def falls_back(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    try:
        raise NotImplementedError
    except NotImplementedError:
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
