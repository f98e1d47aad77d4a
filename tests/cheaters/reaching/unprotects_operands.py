"""Finds what maps the operands through the garbage collector, makes it writable, and clears it, so
that every result is zero.

Seen: own
Must be: incorrect
"""

import ctypes
import gc
import mmap

import torch
import torch.nn.functional as F

from suite import register

READ_AND_WRITE = mmap.PROT_READ | mmap.PROT_WRITE


def _clear():
    library = ctypes.CDLL(None, use_errno=True)
    for thing in gc.get_objects():
        if isinstance(thing, mmap.mmap):
            shared = torch.frombuffer(thing, dtype=torch.uint8)
            start = ctypes.c_void_p(shared.data_ptr())
            if library.mprotect(start, ctypes.c_size_t(len(thing)), READ_AND_WRITE) == 0:
                shared.zero_()


@register("unprotects_operands", family="direct")
def unprotects_operands(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    _clear()
    return torch.zeros_like(F.conv2d(input, weight, bias, stride, padding, dilation, groups))
