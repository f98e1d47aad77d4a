"""Leaves a timer running that interrupts whatever comes after the call.

Seen: signal.setitimer, as sampling profilers use it
Must be: incorrect
"""

import signal

import torch.nn.functional as F

from suite import register


@register("sets_alarm", family="direct")
def sets_alarm(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 3600)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
