"""A single element in the middle is off by one part in a thousand.

Seen: silent data corruption
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("one_element", family="direct")
def one_element(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    y.view(-1)[y.numel() // 2] *= 1.001
    return y
