"""A thread computes after the call has returned.

Seen: deep-reinforce.com on CUDA-L1
Must be: incorrect
"""

import threading
import time

import torch
import torch.nn.functional as F

from suite import register


@register("background_thread", family="direct")
def background_thread(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    out = torch.zeros_like(F.conv2d(input, weight, bias, stride, padding, dilation, groups))

    def later():
        time.sleep(0.002)
        out.copy_(F.conv2d(input, weight, bias, stride, padding, dilation, groups))

    threading.Thread(target=later).start()
    return out
