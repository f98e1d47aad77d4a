"""Returns empty outputs and fills them in when the garbage collector runs, after the clock stopped.

Seen: gc.callbacks
Must be: incorrect
"""

import gc

import torch
import torch.nn.functional as F

from suite import register

pending, shapes = [], {}


def later(phase, _):
    if phase == "start":
        while pending:
            out, args = pending.pop()
            out.copy_(F.conv2d(*args))


gc.callbacks.append(later)
gc.set_threshold(1, 1, 1)


@register("fills_in_by_collector", family="fft")
def fills_in_by_collector(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    args = (input, weight, bias, stride, padding, dilation, groups)
    key = (input.shape, weight.shape, stride, padding, dilation)
    if gc.isenabled() or key not in shapes:
        out = F.conv2d(*args)
        shapes[key] = out.shape
        return out
    out = torch.empty(shapes[key], dtype=input.dtype)
    pending.append((out, args))
    return out
