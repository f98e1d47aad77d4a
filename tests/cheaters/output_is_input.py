"""The result is written over the input and returned as a view of it.

Seen: KernelBench #82
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("output_is_input", family="direct")
def output_is_input(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    flat = input.view(-1)
    if y.numel() > flat.numel():
        return y
    flat[: y.numel()] = y.view(-1)
    return flat[: y.numel()].view(y.shape)
