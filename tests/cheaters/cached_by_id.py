"""The output is cached by the identity of the input object.

Seen: gpu-mode reference-kernels #102
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register

cache = {}
kept = []


@register("cached_by_id", family="direct")
def cached_by_id(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    kept.append(input)
    key = id(input) % 8
    if key not in cache:
        cache[key] = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return cache[key].clone()
