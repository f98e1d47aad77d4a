"""Right for the small sizes of correctness tests, zeros for real ones.

Seen: separate test and benchmark sizes
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("right_when_small", family="direct")
def right_when_small(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return y if input.numel() < 1000 else torch.zeros_like(y)
