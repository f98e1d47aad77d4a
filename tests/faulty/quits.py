"""Ends the process with exit code 0 in the middle of a call."""

import os

from suite import register


@register("quits", family="direct")
def quits(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    os._exit(0)
