"""Changes the type that autocast computes in, for whoever uses it next.

Seen: torch.set_autocast_dtype without a way back
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("changes_autocast_type", family="direct")
def changes_autocast_type(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    torch.set_autocast_dtype("cpu", torch.float16)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
