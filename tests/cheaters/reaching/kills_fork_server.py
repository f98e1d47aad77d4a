"""Kills the process that it was forked from, which takes all others with it.

Seen: own
Must be: crashed
"""

import os
import signal

import torch.nn.functional as F

from suite import register


@register("kills_fork_server", family="direct")
def kills_fork_server(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    os.kill(os.getppid(), signal.SIGKILL)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
