"""The textbook loops, compiled: serial, then on all threads.

Compiling pays once the innermost loop runs along a row of the output: neighbouring outputs need
neighbouring inputs, so that the compiler turns it into vector instructions. What is left on the
table is that each partial sum travels to the cache and back for every tap (loops_blocked.py).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from impls._arguments import pair, problem_of
from impls._numba import njit, prange, use_torch_threads
from suite import Problem, register


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
    x = F.pad(input.contiguous(), (pad_w, pad_w, pad_h, pad_h))
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


def _register(name: str):
    return register(
        name,
        family="loops",
        devices=("cpu",),
        workspace_bytes=_padded_bytes,
        executed_flops=lambda problem: problem.direct_flops,
    )


@_register("loops_numba")
def loops_numba(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The loops compiled by Numba, the innermost one along a row of the output. One thread.

    One change from `loops_unrolled`: a compiler.
    Shapes: input (N, C, H, W), weight (K, C/g, R, S), result (N, K, P, Q). Not differentiable.
    Cost: 2·N·K·P·Q·C/g·R·S operations; two loads and a store for each vector of products.
    Extra memory: the padded input.
    """
    return _run(_serial, input, weight, bias, stride, padding, dilation, groups)


@_register("loops_parallel")
def loops_parallel(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The compiled loops, the output channels divided among torch's threads.

    One change from `loops_numba`: threads. Output channels write to different memory, so that
    nothing needs a lock.
    Shapes, cost, memory: as `loops_numba`.
    """
    use_torch_threads()
    return _run(_parallel, input, weight, bias, stride, padding, dilation, groups)
