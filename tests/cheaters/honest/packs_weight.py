"""Honest: what depends on the weight alone is prepared once; twin of the caches.

Seen: -
Must be: passed
"""

import torch.nn.functional as F

from suite import register


@register(
    "packs_weight", family="vendor", prepare=lambda weight, problem: {"packed": weight.clone()}
)
def packs_weight(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight["packed"], bias, stride, padding, dilation, groups)
