"""Hides all objects from the garbage collector, and so what it keeps.

Seen: gc.freeze
Must be: incorrect
"""

import gc

import torch.nn.functional as F

from suite import register


@register("freezes_garbage", family="direct")
def freezes_garbage(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    gc.freeze()
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
