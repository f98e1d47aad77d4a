"""Makes itself nicer in every call, so that others come first in what is measured next.

Seen: os.nice
Must be: incorrect
"""

import os

import torch.nn.functional as F

from suite import register


@register("lowers_priority", family="direct")
def lowers_priority(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    os.nice(1)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
