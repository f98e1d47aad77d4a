"""Finds the worker up the stack and puts another timer into it.

Seen: a plug-in that walked up the stack
Must be: implausible
"""

import sys

import torch.nn.functional as F

from suite import register


class FastTimer:
    def __init__(self, honest):
        self.honest = honest

    def __call__(self, call, operands):
        outputs, seconds = self.honest(call, operands)
        return outputs, seconds / 8

    def __getattr__(self, name):
        return getattr(self.honest, name)


@register("timer_object", family="fft")
def timer_object(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    frame = sys._getframe()
    while frame is not None:
        worker = frame.f_locals.get("self")
        timer = getattr(worker, "_timer", None)
        if timer is not None and not isinstance(timer, FastTimer):
            worker._timer = FastTimer(timer)
        frame = frame.f_back
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
