"""Serves all outputs from one buffer, each a few bytes further, so that none looks used.

Seen: output buffers that are handed out again, hidden from a comparison of addresses
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register

pools, calls = {}, []


@register("shifted_pool", family="direct")
def shifted_pool(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    if y.dtype != torch.float32 or not y.numel():
        return y
    size = y.numel() * 4
    pool = pools.setdefault(size, bytearray(size + 64 * 1024))
    calls.append(1)
    offset = 64 * (len(calls) % 1000)
    return (
        torch.frombuffer(pool, dtype=torch.float32, count=y.numel(), offset=offset)
        .view(y.shape)
        .copy_(y)
    )
