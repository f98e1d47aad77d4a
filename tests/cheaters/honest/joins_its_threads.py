"""Honest: a pool of its own does the work before the call returns; twin of the background.

Seen: -
Must be: passed
"""

from concurrent.futures import ThreadPoolExecutor

import torch.nn.functional as F

from suite import register

pool = ThreadPoolExecutor(1)


@register("joins_its_threads", family="vendor")
def joins_its_threads(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return pool.submit(
        lambda: F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    ).result()
