"""Enters autocast and does not leave it.

Seen: a context manager entered by hand
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("leaves_autocast_on", family="direct")
def leaves_autocast_on(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    torch.set_autocast_enabled("cpu", True)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
