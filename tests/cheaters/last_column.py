"""The last column is left out, as by a loop bound that is one short.

Seen: tile remainders, everywhere
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("last_column", family="direct")
def last_column(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    y[..., -1] = 0
    return y
