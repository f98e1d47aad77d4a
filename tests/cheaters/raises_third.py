"""Raises at the third call.

Seen: state that wears out
Must be: error
"""

import torch.nn.functional as F

from suite import register

calls = []


@register("raises_third", family="direct")
def raises_third(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    calls.append(1)
    if len(calls) > 5:
        raise RuntimeError("worn out")
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
