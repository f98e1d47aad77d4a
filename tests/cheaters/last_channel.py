"""The last output channel copies the one before.

Seen: channel tails behind a vector width
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("last_channel", family="direct")
def last_channel(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    y[:, -1] = y[:, -2]
    return y
