"""Reads address 0: the process dies of SIGSEGV."""

import ctypes

from suite import register


@register("crashes", family="direct")
def crashes(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return ctypes.string_at(0)
