"""One row of padding sits at the wrong side.

Seen: 'same' with even kernels
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("padding_off_by_one", family="direct")
def padding_off_by_one(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    x = F.pad(input, (padding[1], padding[1], padding[0] + 1, padding[0] - 1))
    return F.conv2d(x, weight, bias, stride, 0, dilation, groups)
