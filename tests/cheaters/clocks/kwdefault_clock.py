"""Gives the suite's own timer another clock, through the default that it was bound by.

Seen: a plug-in that knew where the clock was kept
Must be: incorrect or implausible
"""

import sys
import time

import torch.nn.functional as F

from suite import register

real = time.perf_counter_ns
zero = real()


def slow():
    return zero + (real() - zero) // 8


@register("kwdefault_clock", family="fft")
def kwdefault_clock(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    clock = sys.modules.get("convgauge.suite.worker.cpu_clock")
    if clock is not None:
        clock.cpu_timer.__kwdefaults__["_now"] = slow
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
