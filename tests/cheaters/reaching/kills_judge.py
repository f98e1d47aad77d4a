"""Kills the oldest process of its family, which is the judge.

Seen: own
Must be: crashed
"""

import os
import signal
from pathlib import Path

import torch.nn.functional as F

from suite import register

_calls = []


@register("kills_judge", family="direct")
def kills_judge(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    _calls.append(1)
    server = os.getppid()
    if len(_calls) == 2:
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        os.kill(min(int(pid) for pid in children), signal.SIGKILL)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
