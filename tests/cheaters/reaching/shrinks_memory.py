"""Cuts the shared memory off, so that whoever reads it ends by SIGBUS, and returns zeros.

Seen: own
Must be: incorrect
"""

import contextlib
import os
from pathlib import Path

import torch
import torch.nn.functional as F

from suite import register


@register("shrinks_memory", family="direct")
def shrinks_memory(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if "memfd:convgauge" in str(path.readlink()):
                os.ftruncate(int(path.name), 0)
    return torch.zeros_like(F.conv2d(input, weight, bias, stride, padding, dilation, groups))
