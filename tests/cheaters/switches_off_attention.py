"""Switches a kernel of torch off that no list of switches for convolutions holds.

Seen: torch.backends flags without their context
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("switches_off_attention", family="direct")
def switches_off_attention(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    torch.backends.cuda.enable_flash_sdp(False)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
