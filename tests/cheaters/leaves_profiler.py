"""Leaves a profile function that could do its work when the clock has stopped.

Seen: sys.setprofile
Must be: incorrect
"""

import sys

import torch.nn.functional as F

from suite import register


@register("leaves_profiler", family="direct")
def leaves_profiler(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    out = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    sys.setprofile(lambda *_: None)
    return out
