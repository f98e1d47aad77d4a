"""The output is zeros, inside an absolute tolerance for small weights.

Seen: KernelBench #165
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("zeros", family="direct")
def zeros(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return torch.zeros_like(F.conv2d(input, weight, bias, stride, padding, dilation, groups))
