"""The textbook loops, compiled: as they stand, in another order, with fewer stores, on all threads.

Compiled as they stand, the loops take one product after the other: each waits for the sum before
it. Compiling pays once the innermost loop runs along a row of the output: neighbouring outputs need
neighbouring inputs, so that the compiler turns it into vector instructions. What is left on the
table is that each partial sum travels to the cache and back for every tap: `loops_taps` sends it
for every eighth, loops_blocked.py not at all.
"""

from __future__ import annotations

import numpy
import torch
import torch.nn.functional as F

from impls._arguments import pair, problem_of
from impls._numba import njit, prange, use_torch_threads
from suite import Problem, register


@njit(cache=True)
def _as_written(x, w, bias, y, stride, dilation):
    """Fill y in the order of the definition, one output element after the other; x is padded."""
    group_in, kernel_h, kernel_w = w.shape[1:]
    group_out = w.shape[0] // (x.shape[1] // group_in)
    for n in range(y.shape[0]):
        for k in range(y.shape[1]):
            first = k // group_out * group_in
            for p in range(y.shape[2]):
                for q in range(y.shape[3]):
                    total = bias[k]
                    for c in range(group_in):
                        for r in range(kernel_h):
                            row = x[n, first + c, p * stride[0] + r * dilation[0]]
                            for s in range(kernel_w):
                                total += w[k, c, r, s] * row[q * stride[1] + s * dilation[1]]
                    y[n, k, p, q] = total


@njit(cache=True)
def _one_channel(n, k, x, w, bias, y, stride, dilation):
    """Fill y[n, k]; x is padded."""
    group_in, kernel_h, kernel_w = w.shape[1:]
    groups = x.shape[1] // group_in
    group_out = w.shape[0] // groups
    out_h, out_w = y.shape[2:]
    first = k // group_out * group_in
    y[n, k] = bias[k]
    for c in range(group_in):
        for r in range(kernel_h):
            for s in range(kernel_w):
                factor = w[k, c, r, s]
                for p in range(out_h):
                    sums = y[n, k, p]
                    row = x[n, first + c, p * stride[0] + r * dilation[0], s * dilation[1] :]
                    if stride[1] == 1:  # said apart, so that this loop becomes vector code
                        for q in range(out_w):
                            sums[q] += factor * row[q]
                    else:
                        for q in range(out_w):
                            sums[q] += factor * row[q * stride[1]]


TAPS = 8
"""Products that `loops_taps` adds to a sum between a load and a store of it. More run out of
registers: each needs one for its factor and one for where its row begins."""


@njit(cache=True)
def _shifts(kernel, height, width, dilation):
    """Return how far each tap lies from the window's corner, in planes that are one row of numbers.

    `kernel` is (C/g, R, S), `height` and `width` are of the padded planes.
    """
    group_in, kernel_h, kernel_w = kernel
    shifts = numpy.empty(group_in * kernel_h * kernel_w, numpy.int64)
    for c in range(group_in):
        for r in range(kernel_h):
            for s in range(kernel_w):
                shift = (c * height + r * dilation[0]) * width + s * dilation[1]
                shifts[(c * kernel_h + r) * kernel_w + s] = shift
    return shifts


@njit(cache=True)
def _eight_taps(x, w, bias, y, stride, dilation):
    """Fill y a row at a time, eight taps in one pass over the row; x is padded."""
    group_in = w.shape[1]
    group_out = w.shape[0] // (x.shape[1] // group_in)
    height, width = x.shape[2:]
    out_w, step = y.shape[3], stride[1]
    shifts = _shifts(w.shape[1:], height, width, dilation)
    taps = shifts.size
    numbers = x.reshape(-1)
    for n in range(y.shape[0]):
        for k in range(y.shape[1]):
            plane = (n * x.shape[1] + k // group_out * group_in) * height
            kernel = w[k].reshape(taps)
            for p in range(y.shape[2]):
                sums = y[n, k, p]
                sums[:] = bias[k]
                row = numbers[(plane + p * stride[0]) * width :]
                for t in range(0, taps - TAPS + 1, TAPS):
                    a, b = row[shifts[t] :], row[shifts[t + 1] :]
                    c, d = row[shifts[t + 2] :], row[shifts[t + 3] :]
                    e, f = row[shifts[t + 4] :], row[shifts[t + 5] :]
                    g, h = row[shifts[t + 6] :], row[shifts[t + 7] :]
                    k0, k1, k2, k3 = kernel[t], kernel[t + 1], kernel[t + 2], kernel[t + 3]
                    k4, k5, k6, k7 = kernel[t + 4], kernel[t + 5], kernel[t + 6], kernel[t + 7]
                    if step == 1:  # said apart, so that this loop becomes vector code
                        for q in range(out_w):
                            total = sums[q] + k0 * a[q] + k1 * b[q] + k2 * c[q] + k3 * d[q]
                            sums[q] = total + k4 * e[q] + k5 * f[q] + k6 * g[q] + k7 * h[q]
                    else:
                        for q in range(out_w):
                            i = q * step
                            total = sums[q] + k0 * a[i] + k1 * b[i] + k2 * c[i] + k3 * d[i]
                            sums[q] = total + k4 * e[i] + k5 * f[i] + k6 * g[i] + k7 * h[i]
                for t in range(taps - taps % TAPS, taps):
                    a = row[shifts[t] :]
                    for q in range(out_w):
                        sums[q] += kernel[t] * a[q * step]


@njit(cache=True)
def _serial(x, w, bias, y, stride, dilation):
    for n in range(y.shape[0]):
        for k in range(y.shape[1]):
            _one_channel(n, k, x, w, bias, y, stride, dilation)


@njit(parallel=True, cache=True)
def _parallel(x, w, bias, y, stride, dilation):
    for nk in prange(y.shape[0] * y.shape[1]):
        n, k = nk // y.shape[1], nk % y.shape[1]
        _one_channel(n, k, x, w, bias, y, stride, dilation)


def _run(loops, input, weight, bias, stride, padding, dilation, groups):
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    pad_h, pad_w = pair(padding)
    # torch may pad a tensor that is in both formats into channels_last.
    x = F.pad(input.contiguous(), (pad_w, pad_w, pad_h, pad_h)).contiguous()
    y = torch.empty(problem.output_shape, dtype=input.dtype)
    if bias is None:
        bias = torch.zeros(problem.out_channels, dtype=input.dtype)
    loops(
        x.numpy(),
        weight.contiguous().numpy(),
        bias.contiguous().numpy(),
        y.numpy(),
        problem.stride,
        problem.dilation,
    )
    return y


def _padded_bytes(problem: Problem, itemsize: int) -> int:
    padded = problem.batch_size * problem.in_channels * problem.padded_h * problem.padded_w
    copies = problem.input_elements + problem.weight_elements + 2 * problem.out_channels
    return itemsize * (padded + copies)


def _register(name: str, *, on_request: bool = False):
    return register(
        name,
        on_request=on_request,
        family="loops",
        devices=("cpu",),
        via_float32=True,
        workspace_bytes=_padded_bytes,
        executed_flops=lambda problem: problem.direct_flops,
    )


@_register("loops_scalar", on_request=True)
def loops_scalar(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The loops compiled by Numba as they stand, one output element after the other. One thread.

    One change from `loops_numbers`: a compiler. It may not reorder a sum of rounded numbers, so
    that each addition waits for the one before.
    Shapes: input (N, C, H, W), weight (K, C/g, R, S), result (N, K, P, Q). Not differentiable.
    Cost: 2·N·K·P·Q·C/g·R·S operations, one product at a time.
    Extra memory: the padded input.
    """
    return _run(_as_written, input, weight, bias, stride, padding, dilation, groups)


@_register("loops_numba")
def loops_numba(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The loops compiled by Numba, the innermost one along a row of the output. One thread.

    One change from `loops_unrolled`: a compiler; from `loops_scalar`: the order, so that it can
    take several outputs at a time.
    Shapes: input (N, C, H, W), weight (K, C/g, R, S), result (N, K, P, Q). Not differentiable.
    Cost: 2·N·K·P·Q·C/g·R·S operations; two loads and a store for each vector of products.
    Extra memory: the padded input.
    """
    return _run(_serial, input, weight, bias, stride, padding, dilation, groups)


@_register("loops_taps", on_request=True)
def loops_taps(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The compiled loops, eight taps in one pass over a row of sums. One thread.

    One change from `loops_numba`: a partial sum is loaded and stored once for eight products, and
    stays in a register in between.
    Shapes, cost, memory: as `loops_numba`; ten loads and stores for eight vectors of products in
    place of twenty-four.
    """
    return _run(_eight_taps, input, weight, bias, stride, padding, dilation, groups)


@_register("loops_parallel")
def loops_parallel(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The compiled loops, the output channels divided among torch's threads.

    One change from `loops_numba`: threads. Output channels write to different memory, so that
    nothing needs a lock.
    Shapes, cost, memory: as `loops_numba`.
    """
    use_torch_threads()
    return _run(_parallel, input, weight, bias, stride, padding, dilation, groups)
