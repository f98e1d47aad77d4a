"""Honest: computes in bfloat16 and says so; twin of the hidden precision.

Seen: -
Must be: passed
"""

import torch.nn.functional as F

from suite import register


@register("declared_bfloat16", family="vendor", precision="bfloat16")
def declared_bfloat16(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    low = F.conv2d(input.bfloat16(), weight.bfloat16(), None, stride, padding, dilation, groups)
    y = low.to(input.dtype)
    return y if bias is None else y + bias.view(1, -1, 1, 1)
