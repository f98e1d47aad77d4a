"""The output is cached by a cheap fingerprint of the contents.

Seen: gpu-mode starter-kit #21
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register

cache = {}


@register("cached_by_content", family="direct")
def cached_by_content(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    key = (input.shape, round(float(input.abs().mean()), 1))
    if key not in cache:
        cache[key] = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return cache[key].clone()
