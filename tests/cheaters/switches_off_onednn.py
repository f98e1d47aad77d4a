"""Switches a back end of torch off for everyone who comes after.

Seen: torch.backends flags without their context
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("switches_off_onednn", family="direct")
def switches_off_onednn(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    torch.backends.mkldnn.enabled = False
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
