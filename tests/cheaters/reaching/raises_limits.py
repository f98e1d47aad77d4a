"""Writes into the judge's memory what errors it is to allow, and returns zeros.

All are forked from one process: the numbers lie where they lie here.

Seen: own
Must be: incorrect
"""

import contextlib
import os
import struct
from pathlib import Path

import torch
import torch.nn.functional as F

from suite import register
from suite.judge import tolerance


def _limits():
    """Return the numbers that bound errors: unit round-offs, and the norm gate's constants."""
    constants = tolerance.Tolerance.rel_l2_limit.fget.__code__.co_consts
    small = (value for value in constants if isinstance(value, float) and value < 1e-4)
    return tolerance._U_OUT["float32"], tolerance._U_ACC["float32"], *small


def _raise():
    server = os.getppid()
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    judge = min(map(int, children))
    value_of_float = 16  # bytes into the object
    with (
        contextlib.suppress(OSError),
        Path(f"/proc/{judge}/mem").open("r+b", buffering=0) as memory,
    ):
        for number in _limits():
            memory.seek(id(number) + value_of_float)
            memory.write(struct.pack("d", 1e30))


@register("raises_limits", family="fft")
def raises_limits(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    _raise()
    return torch.zeros_like(F.conv2d(input, weight, bias, stride, padding, dilation, groups))
