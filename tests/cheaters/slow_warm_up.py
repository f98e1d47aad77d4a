"""Slow for the first calls, so that fewer are timed; gains nothing here.

Seen: pygpubench #7
Must be: passed
"""

import time

import torch.nn.functional as F

from suite import register

calls = []


@register("slow_warm_up", family="direct")
def slow_warm_up(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    calls.append(1)
    if len(calls) < 6:
        time.sleep(0.02)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
