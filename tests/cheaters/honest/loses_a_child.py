"""Honest: a child that fails at once, and comes back from the call as if it were its parent.

Seen: os.fork around work whose errors nobody catches
Must be: passed
"""

import os

import torch.nn.functional as F

from suite import register

started = []


@register("loses_a_child", family="vendor")
def loses_a_child(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if not started and hasattr(os, "fork"):
        started.append(1)
        child = os.fork()
        if child == 0:
            raise OSError("no such file")
        os.waitpid(child, 0)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
