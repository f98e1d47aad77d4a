"""Every group convolves the first group's channels.

Seen: ungrouped test inputs
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("groups_ignored", family="direct")
def groups_ignored(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    first = input[:, : input.shape[1] // groups]
    return F.conv2d(first.repeat(1, groups, 1, 1), weight, bias, stride, padding, dilation, groups)
