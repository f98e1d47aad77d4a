"""A thread that burns a core while this row sleeps, and sleeps while it computes.

Seen: thread pools that spin for their next task
Must be: incorrect or implausible or passed
"""

import threading
import time

import torch.nn.functional as F

from suite import register

last = [0.0]


def burn():
    while True:
        if time.monotonic() - last[0] > 0.01:
            sum(range(20_000))
        else:
            time.sleep(0.001)


@register("burns_in_a_thread", family="direct")
def burns_in_a_thread(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    last[0] = time.monotonic()
    if len(last) == 1:
        last.append(threading.Thread(target=burn, daemon=True))
        last[1].start()
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    last[0] = time.monotonic()
    return y
