"""A pool that is there from the start computes after the call has returned.

Seen: deep-reinforce.com on CUDA-L1
Must be: incorrect
"""

import time
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F

from suite import register

pool = ThreadPoolExecutor(1)


@register("background_pool", family="direct")
def background_pool(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    out = torch.zeros_like(F.conv2d(input, weight, bias, stride, padding, dilation, groups))
    pool.submit(
        lambda: (
            time.sleep(0.001),
            out.copy_(F.conv2d(input, weight, bias, stride, padding, dilation, groups)),
        )
    )
    return out
