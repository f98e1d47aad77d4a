"""Honest: sets much for the time of its call, and leaves all as it was.

Seen: -
Must be: passed
"""

import gc
import os
from pathlib import Path

import torch
import torch.nn.functional as F

from suite import register


@register("puts_back_what_it_sets", family="vendor")
def puts_back_what_it_sets(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    folder, threads = Path.cwd(), torch.get_num_threads()
    gc.disable()
    try:
        os.chdir("/")
        os.environ["OF_THIS_CALL"] = "1"
        torch.set_num_threads(1)
        with torch.backends.cudnn.flags(benchmark=True), torch.autocast("cpu", enabled=False):
            return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    finally:
        torch.set_num_threads(threads)
        del os.environ["OF_THIS_CALL"]
        os.chdir(folder)
        gc.enable()
