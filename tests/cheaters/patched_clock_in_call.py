"""The clock is replaced in the call, not at import.

Seen: gpu-mode reference-kernels #162
Must be: incorrect
"""

import time

import torch.nn.functional as F

from suite import register


@register("patched_clock_in_call", family="direct")
def patched_clock_in_call(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    time.perf_counter_ns = lambda: 0
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
