"""Leaves two orphans of their own sessions behind that burn cores while this row sleeps.

Seen: a fork bomb's little sister
Must be: incorrect
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


@register("leaves_burners", family="direct")
def leaves_burners(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    shared[:8] = struct.pack("d", time.monotonic())
    if not started:
        started.append(1)
        for _ in range(2):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    burn()
                os._exit(0)
            os.wait()
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    shared[:8] = struct.pack("d", time.monotonic())
    return y
