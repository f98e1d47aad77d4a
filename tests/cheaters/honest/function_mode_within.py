"""Enters a torch function mode in the call and leaves it there.

Seen: honest
Must be: passed
"""

import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from suite import register


class Watching(TorchFunctionMode):
    def __torch_function__(self, function, types, arguments=(), keywords=None):
        return function(*arguments, **(keywords or {}))


@register("function_mode_within", family="direct")
def function_mode_within(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    with Watching():
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
