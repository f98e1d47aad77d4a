"""Honest: returns a view that is not contiguous; twin of the aliases.

Seen: -
Must be: passed
"""

import torch.nn.functional as F

from suite import register


@register("strided_output", family="vendor")
def strided_output(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    wide = y.new_empty(*y.shape[:3], y.shape[3] + 3)
    wide[..., 1:-2] = y
    return wide[..., 1:-2]
