"""A child in a session of its own halts every other worker half of the time.

Seen: SIGSTOP and SIGCONT from an orphan
Must be: incorrect
"""

import os
import signal
import time
from pathlib import Path

import torch.nn.functional as F

from suite import register

started = []


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]


def halt(server, own):
    end = time.monotonic() + 60
    while time.monotonic() < end and Path(f"/proc/{own}").exists():
        halted = []
        try:
            children = Path(f"/proc/{server}/task/{server}/children").read_text()
            pids = sorted(map(int, children.split()))
            for pid in pids[1:]:  # the first is the judge
                if pid != own and state(pid) == "R":
                    os.kill(pid, signal.SIGSTOP)
                    halted.append(pid)
            time.sleep(0.003)
        except OSError:
            pass
        for pid in halted:
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.001)


@register("stops_rivals", family="direct")
def stops_rivals(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if not started:
        started.append(1)
        server, own = os.getppid(), os.getpid()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                halt(server, own)
            os._exit(0)
        os.wait()
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
