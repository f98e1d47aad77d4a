"""Leaves a torch dispatch mode on that computes when the suite looks at the output.

Seen: lazy tensors; gpu-mode reference-kernels #161
Must be: implausible or incorrect
"""

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from suite import register

pending = {}
shapes = {}


class Late(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        if pending and "detach" in str(function) and arguments[0].data_ptr() in pending:
            out, convolution = pending.pop(arguments[0].data_ptr())
            out.copy_(F.conv2d(*convolution))
        return function(*arguments, **(keywords or {}))


entered = []


@register("dispatch_mode", family="fft")
def dispatch_mode(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    convolution = (input, weight, bias, stride, padding, dilation, groups)
    key = (input.shape, weight.shape, stride, padding, dilation)
    if not entered:
        entered.append(Late())
        entered[0].__enter__()
    if key not in shapes:
        shapes[key] = F.conv2d(*convolution).shape
        return F.conv2d(*convolution)
    out = torch.empty(shapes[key], dtype=input.dtype)
    if len(pending) > 600:
        pending.clear()
    pending[out.data_ptr()] = (out, convolution)
    return out
