"""A kernel of one's own in Numba: loops that are compiled, on all cores.

In a copy of the repository:

    convgauge check --plugin examples/numba_kernel.py
    convgauge run quick --plugin examples/numba_kernel.py --impl my_loops
"""

import numba
import torch
import torch.nn.functional as F

from convgauge import Unsupported, register


@numba.njit(parallel=True, fastmath={"contract", "reassoc"}, cache=True)
def _convolve(x, w, stride_h, stride_w, out):
    """Add to `out` (N, K, P, Q) a padded `x` (N, C, H, W) convolved with `w` (K, C, R, S)."""
    batch, filters, rows, columns = out.shape
    for n in range(batch):
        for k in numba.prange(filters):
            for p in range(rows):
                for q in range(columns):
                    total = out[n, k, p, q]  # a zero of the right type
                    for c in range(w.shape[1]):
                        for r in range(w.shape[2]):
                            for s in range(w.shape[3]):
                                there = x[n, c, p * stride_h + r, q * stride_w + s]
                                total += there * w[k, c, r, s]
                    out[n, k, p, q] = total


@register("my_loops", family="loops", devices=("cpu",))
def my_loops(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Seven loops, as they stand in a textbook, compiled."""
    if groups != 1 or tuple(dilation) != (1, 1):
        raise Unsupported("needs one group and no dilation")
    (pad_h, pad_w), (stride_h, stride_w) = padding, stride
    x = F.pad(input, (pad_w, pad_w, pad_h, pad_h))
    rows = (x.shape[2] - weight.shape[2]) // stride_h + 1
    columns = (x.shape[3] - weight.shape[3]) // stride_w + 1
    out = torch.zeros(len(x), len(weight), rows, columns, dtype=x.dtype)
    _convolve(x.numpy(), weight.numpy(), stride_h, stride_w, out.numpy())
    return out if bias is None else out + bias[:, None, None]
