"""Right for square inputs; otherwise rows and columns are exchanged inside.

Seen: hard-coded shapes, everywhere
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("square_only", family="direct")
def square_only(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if input.shape[2] == input.shape[3]:
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return y.transpose(2, 3).reshape(y.shape)
