"""Runs the garbage collector in every call, and is timed with it.

Seen: honest
Must be: passed
"""

import gc

import torch.nn.functional as F

from suite import register


@register("collects_garbage", family="direct")
def collects_garbage(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    gc.collect(0)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
