"""The clock runs at a tenth of its speed from now on.

Seen: gpu-mode reference-kernels #162
Must be: incorrect
"""

import time

import torch.nn.functional as F

from suite import register

real = time.perf_counter_ns
time.perf_counter_ns = lambda: real() // 10
time.perf_counter = lambda: real() / 1e10


@register("patched_clock", family="direct")
def patched_clock(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
