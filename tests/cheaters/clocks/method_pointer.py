"""Points the clock's own C method at a slower one: the function stays the object that it was.

Seen: monkey patches one floor below Python
Must be: implausible
"""

import ctypes
import time

import torch.nn.functional as F

from suite import register

epoch = time.monotonic_ns()


@ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p)
def slow(_self, _arguments):
    return epoch + (time.monotonic_ns() - epoch) // 8


class Function(ctypes.Structure):
    _fields_ = [
        ("references", ctypes.c_ssize_t),
        ("type", ctypes.c_void_p),
        ("definition", ctypes.POINTER(ctypes.c_void_p)),
    ]


definition = Function.from_address(id(time.perf_counter_ns)).definition
definition[1] = ctypes.cast(slow, ctypes.c_void_p)


@register("method_pointer", family="fft")
def method_pointer(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
