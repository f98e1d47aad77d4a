"""NaN where infinity is due: the sum of an infinity and finite numbers is no NaN.

Seen: tensorflow 60315 (infinity in, NaN out for many channels: a transform adds and subtracts it)
Must be: incorrect (in check)
"""

import torch
import torch.nn.functional as F

from suite import register


@register("inf_to_nan", family="direct")
def inf_to_nan(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return torch.where(torch.isinf(y), torch.full_like(y, float("nan")), y)
