"""Moves the start time that stands in the timer's own frame.

Seen: a plug-in that walked up the stack
Must be: implausible
"""

import ctypes
import sys
import time

import torch.nn.functional as F

from suite import register


@register("frame_start", family="fft")
def frame_start(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    began = time.perf_counter_ns()
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_name != "cpu_timer":
        frame = frame.f_back
    if frame is not None:
        frame.f_locals["start"] += (time.perf_counter_ns() - began) * 7 // 8
        if sys.version_info < (3, 13):
            ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
    return y
