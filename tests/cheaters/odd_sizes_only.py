"""Right for odd sizes; for even ones the last row repeats its neighbour.

Seen: tile remainders, everywhere
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("odd_sizes_only", family="direct")
def odd_sizes_only(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    if input.shape[2] % 2 == 0:
        y[:, :, -1] = y[:, :, -2]
    return y
