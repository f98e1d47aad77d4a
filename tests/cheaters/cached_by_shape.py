"""The output is cached by the shape of the input.

Seen: the Sakana post-mortem, February 2025
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register

cache = {}


@register("cached_by_shape", family="direct")
def cached_by_shape(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    key = (input.shape, weight.shape)
    if key not in cache:
        cache[key] = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return cache[key].clone()
