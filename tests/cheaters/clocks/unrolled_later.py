"""Replaces the suite's own function that unrolls outputs; it computes what the call left out.

Seen: a plug-in that patched what comes after the clock
Must be: incorrect or implausible
"""

import sys

import torch
import torch.nn.functional as F

from suite import register

pending = {}
shapes = {}


def computing(real):
    def unroll(output):
        if id(output) in pending:
            output.copy_(F.conv2d(*pending.pop(id(output))))
        return real(output)

    unroll.computes = True
    return unroll


def patch():
    for module in map(
        sys.modules.get, ("convgauge.suite.worker.process", "convgauge.suite.worker.turn")
    ):
        for name in ("row_major", "in_memory_order"):
            real = getattr(module, name, None)
            if real is not None and not hasattr(real, "computes"):
                setattr(module, name, computing(real))


@register("unrolled_later", family="fft")
def unrolled_later(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    patch()
    arguments = (input, weight, bias, stride, padding, dilation, groups)
    key = (input.shape, weight.shape, stride, padding, dilation)
    if key not in shapes:
        shapes[key] = F.conv2d(*arguments).shape
    out = torch.empty(shapes[key], dtype=input.dtype)
    if len(pending) > 600:
        pending.clear()
    pending[id(out)] = arguments
    return out
