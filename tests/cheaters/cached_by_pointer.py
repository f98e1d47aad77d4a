"""The output is cached by the input's address.

Seen: flashinfer-bench #228 (12.9 times faster)
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register

cache = {}


@register("cached_by_pointer", family="direct")
def cached_by_pointer(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    key = input.data_ptr()
    if key not in cache:
        cache[key] = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return cache[key].clone()
