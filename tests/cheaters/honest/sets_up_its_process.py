"""Honest: its import sets a variable and a signal handler, and hooks into imports, as libraries do.

Seen: -
Must be: passed
"""

import os
import signal
import sys

import torch.nn.functional as F

from suite import register


class Finder:
    """Finds nothing."""

    @staticmethod
    def find_spec(*_):
        return None


os.environ["OF_A_LIBRARY"] = "1"
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
sys.meta_path.append(Finder)


@register("sets_up_its_process", family="vendor")
def sets_up_its_process(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
