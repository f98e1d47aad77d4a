"""Kills every process that was forked from the same one but itself.

Seen: own
Must be: crashed
"""

import contextlib
import os
import signal
from pathlib import Path

import torch.nn.functional as F

from suite import register


@register("kills_siblings", family="direct")
def kills_siblings(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    server = os.getppid()
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    others = {int(pid) for pid in children} - {os.getpid()}
    for pid in others:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
