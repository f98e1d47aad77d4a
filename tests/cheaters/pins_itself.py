"""Binds its process to one core and leaves it there.

Seen: a library that pins the thread that calls it
Must be: incorrect
"""

import os

import torch.nn.functional as F

from suite import register


@register("pins_itself", family="direct")
def pins_itself(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
