"""A convolution that is right, in small steps; each mutant of `mutations.diff` changes one line.

It reads its operands by address, as compiled code does, sums in blocks of input channels, and
writes whole rows, columns, channels and images: lines at which people go wrong.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

BLOCK = 64


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def sum_over(window, tap):
    """Return the sums over channels. Shapes: (N, g, C/g, P, Q), (g, K/g, C/g)."""
    n, groups, _, p, q = window.shape
    return torch.matmul(tap, window.flatten(3)).view(n, groups, tap.shape[1], p, q)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    stride_h, stride_w = pair(stride)
    pad_h, pad_w = pair(padding)
    dilation_h, dilation_w = pair(dilation)
    n, c, h, w = input.shape  # noqa: RUF059 - used by mutants
    k, ins, r, s = weight.shape
    outs = k // groups
    reach_h = dilation_h * (r - 1) + 1
    reach_w = dilation_w * (s - 1) + 1
    out_h = (h + 2 * pad_h - reach_h) // stride_h + 1
    out_w = (w + 2 * pad_w - reach_w) // stride_w + 1
    x = input.detach().as_strided(input.shape, input.stride(), input.storage_offset())
    x = F.pad(x, (pad_w, pad_w, pad_h, pad_h))
    padded_h, padded_w = x.shape[2:]
    x = x.reshape(n, groups, ins * padded_h * padded_w)
    kernels = weight.detach().as_strided(weight.shape, weight.stride(), weight.storage_offset())
    kernels = kernels.reshape(groups, outs, ins, r, s)
    channels = torch.arange(ins).view(-1, 1, 1) * (padded_h * padded_w)
    sums = torch.zeros(n, groups, outs, out_h, out_w, dtype=input.dtype)
    for row in range(r):
        rows = (torch.arange(out_h) * stride_h + row * dilation_h).view(-1, 1)
        for column in range(s):
            columns = torch.arange(out_w) * stride_w + column * dilation_w
            places = channels + rows * padded_w + columns
            window = x.index_select(2, places.view(-1)).view(n, groups, ins, out_h, out_w)
            tap = kernels[..., row, column]
            for first in range(0, ins, BLOCK):
                last = min(first + BLOCK, ins)
                products = sum_over(window[:, :, first:last], tap[:, :, first:last])
                sums = sums + products
    images = n
    whole_outs = outs
    whole_rows = out_h
    whole_columns = out_w
    y = torch.zeros(n, groups, outs, out_h, out_w, dtype=input.dtype)
    done = (slice(images), slice(None), slice(whole_outs), slice(whole_rows), slice(whole_columns))
    y[done] = sums[done]
    y = y.reshape(n, k, out_h, out_w)
    if bias is not None:
        bias = bias.detach().as_strided((k,), bias.stride(), bias.storage_offset())
        y = y + bias.view(1, k, 1, 1)
    return y
