"""Enters a torch dispatch mode in the call and leaves it there.

Seen: honest
Must be: passed
"""

import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from suite import register


class Watching(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        return function(*arguments, **(keywords or {}))


@register("dispatch_mode_within", family="direct")
def dispatch_mode_within(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    with Watching():
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
