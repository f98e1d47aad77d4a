"""Honest: a module with parameters, whose output requires a gradient.

Seen: -
Must be: passed
"""

import torch
import torch.nn.functional as F

from suite import register


@register("requires_gradient", family="direct")
def requires_gradient(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    with torch.enable_grad():
        parameter = torch.nn.Parameter(weight.detach())
        return F.conv2d(input, parameter, bias, stride, padding, dilation, groups)
