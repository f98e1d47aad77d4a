"""Returns a tensor subclass that computes when it is looked at.

Seen: gpu-mode reference-kernels #161
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


class Lazy(torch.Tensor):
    pass


@register("lazy_subclass", family="direct")
def lazy_subclass(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups).as_subclass(Lazy)
