"""Returns empty outputs and fills them in when the garbage collector runs, after the clock.

Seen: a plug-in that knew when the collector waits
Must be: implausible or incorrect
"""

import gc

import torch
import torch.nn.functional as F

from suite import register

pending = []
shapes = {}


def later(phase, info):
    if phase == "start" and pending:
        todo = pending[:]
        pending.clear()
        for out, arguments in todo:
            out.copy_(F.conv2d(*arguments))


gc.callbacks.append(later)
gc.set_threshold(1, 1, 1)


@register("gc_callback", family="fft")
def gc_callback(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    arguments = (input, weight, bias, stride, padding, dilation, groups)
    key = (input.shape, weight.shape, stride, padding, dilation)
    if gc.isenabled() or key not in shapes:
        out = F.conv2d(*arguments)
        shapes[key] = out.shape
        return out
    out = torch.empty(shapes[key], dtype=input.dtype)
    pending.append((out, arguments))
    return out
