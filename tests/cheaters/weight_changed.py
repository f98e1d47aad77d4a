"""The weight is replaced by zeros after use.

Seen: KernelBench #82
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("weight_changed", family="direct")
def weight_changed(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    weight.zero_()
    return y
