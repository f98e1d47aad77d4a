"""A child that burns a core while this row sleeps, and sleeps while it computes.

Seen: a data loader that never rests
Must be: incorrect or implausible or passed
"""

import mmap
import os
import struct
import time

import torch.nn.functional as F

from suite import register

shared = mmap.mmap(-1, 4096)
started = []


def burn():
    end = time.monotonic() + 40
    while time.monotonic() < end:
        last = struct.unpack("d", shared[:8])[0]
        if time.monotonic() - last > 0.01:
            for _ in range(20_000):
                pass
        else:
            time.sleep(0.001)


@register("burns_in_a_child", family="direct")
def burns_in_a_child(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    shared[:8] = struct.pack("d", time.monotonic())
    if not started:
        started.append(1)
        if os.fork() == 0:
            burn()
            os._exit(0)
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    shared[:8] = struct.pack("d", time.monotonic())
    return y
