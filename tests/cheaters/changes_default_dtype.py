"""Makes float64 the default dtype and leaves it so.

Seen: global state in user code
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("changes_default_dtype", family="direct")
def changes_default_dtype(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    torch.set_default_dtype(torch.float64)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
