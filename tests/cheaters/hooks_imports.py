"""Puts a function of its own in place of the import statement.

Seen: import hooks that do work when the suite next imports something
Must be: incorrect
"""

import builtins

import torch.nn.functional as F

from suite import register

real = builtins.__import__


def importing(*args, **options):
    return real(*args, **options)


@register("hooks_imports", family="direct")
def hooks_imports(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    builtins.__import__ = importing
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
