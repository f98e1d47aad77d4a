"""Tells the time at once, and writes outputs into shared memory when the turn is over.

Seen: a plug-in that patched what comes after the clock
Must be: implausible or incorrect
"""

import sys

import torch
import torch.nn.functional as F

from suite import register

pending = {}
shapes = {}
promised = []


def promise(real):
    def write(self, slot, flat):
        convolution = pending.pop(flat.data_ptr(), None)
        if convolution is None:
            real(self, slot, flat)
        else:
            promised.append((self, slot, convolution))

    write.promises = True
    write.real = real
    return write


def keep_promises(real):
    def settle(*arguments):
        while promised:
            results, slot, convolution = promised.pop()
            type(results).write.real(results, slot, F.conv2d(*convolution).view(-1))
        return real(*arguments)

    return settle


def patch():
    process = sys.modules.get("convgauge.suite.worker.process")
    if process and not hasattr(process.SharedResults.write, "promises"):
        process.SharedResults.write = promise(process.SharedResults.write)
        for module in (process, sys.modules["convgauge.suite.worker.turn"]):
            module.wait_until_threads_sleep = keep_promises(module.wait_until_threads_sleep)


@register("written_later", family="fft")
def written_later(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    patch()
    convolution = (input, weight, bias, stride, padding, dilation, groups)
    key = (input.shape, weight.shape, stride, padding, dilation)
    if key not in shapes:
        shapes[key] = F.conv2d(*convolution).shape
    out = torch.empty(shapes[key], dtype=input.dtype)
    if len(pending) > 600:
        pending.clear()
    pending[out.data_ptr()] = (input.clone(), *convolution[1:])
    return out
