"""Leaves out the last row: wrong only at the edge."""

import torch.nn.functional as F

from suite import register


@register("wrong", family="direct")
def wrong(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    output = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    output[:, :, -1] = 0
    return output
