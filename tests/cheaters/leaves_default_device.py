"""Sets the default device for all that is made afterwards.

Seen: torch.set_default_device in a forward pass
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("leaves_default_device", family="direct")
def leaves_default_device(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    out = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    torch.set_default_device("cpu")
    return out
