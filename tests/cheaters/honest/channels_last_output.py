"""Returns its output in channels_last, whatever the input is.

Seen: honest
Must be: passed
"""

import torch
import torch.nn.functional as F

from suite import register


@register("channels_last_output", family="direct")
def channels_last_output(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return y.contiguous(memory_format=torch.channels_last)
