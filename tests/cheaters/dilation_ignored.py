"""Dilation is accepted and ignored; the output is cropped to the right shape.

Seen: undilated test inputs
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("dilation_ignored", family="direct")
def dilation_ignored(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    plain = F.conv2d(input, weight, bias, stride, padding, 1, groups)
    return plain[:, :, : y.shape[2], : y.shape[3]].contiguous()
