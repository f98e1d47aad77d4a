"""A child binds all other workers to one core while this row sleeps.

Seen: os.sched_setaffinity on others' processes
Must be: incorrect or passed
"""

import contextlib
import os
import time
from pathlib import Path

import torch.nn.functional as F

from suite import register

started = []


def hamper(server, own):
    end = time.monotonic() + 60
    while time.monotonic() < end and Path(f"/proc/{own}").exists():
        pids = sorted(map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split()))
        for pid in pids[1:]:
            if pid != own:
                with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                    os.sched_setaffinity(pid, {0})
        time.sleep(0.005)


@register("pins_rivals", family="direct")
def pins_rivals(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if not started:
        started.append(1)
        server, own = os.getppid(), os.getpid()
        if os.fork() == 0:
            hamper(server, own)
            os._exit(0)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
