"""Treats NaN as zero, so that broken data goes unnoticed.

Seen: nan_to_num before a product
Must be: incorrect (in check)
"""

import torch.nn.functional as F

from suite import register


@register("loses_nan", family="direct")
def loses_nan(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input.nan_to_num(), weight, None, stride, padding, dilation, groups)
    return y if bias is None else y + bias.view(1, -1, 1, 1)
