"""The input is scaled in place, and the output scaled back.

Seen: kernelbot examples/identity_py/cheat-input.py
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("input_changed", family="direct")
def input_changed(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    input.mul_(2)
    y = F.conv2d(input, weight, None, stride, padding, dilation, groups).div_(2)
    return y if bias is None else y + bias.view(1, -1, 1, 1)
