"""Leaves a mode that sees every function of torch that the suite calls afterwards.

Seen: torch.overrides.TorchFunctionMode
Must be: incorrect
"""

import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

from suite import register


class Watching(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        return function(*args, **(kwargs or {}))


modes = []


@register("leaves_mode", family="direct")
def leaves_mode(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if not modes:
        modes.append(Watching())
        modes[0].__enter__()
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
