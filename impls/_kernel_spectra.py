"""Spectra of kernels, and their products: of few taps by the definition, of many by an FFT.

The definition, Σ_r w[r]·exp(-2πi·f·r / L) along each axis in turn, takes a complex product for each
tap, where an FFT takes some log2(L) operations, most of them for zeros. As a product of matrices it
runs near the machine's peak and leaves spectra in the order in which they are multiplied; to bring
an FFT's there takes longer than the transform.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from impls._fourier import spread
from suite import Problem
from suite.phases import PACK, PRODUCT

MOST_TAPS, MOST_TAPS_OF_MANY = 24, 48
"""Along the last axis, which takes most of the work; an FFT of more is faster. Measured on planes
of 64 to 128: 31 taps take 1.1 times as long with 64 pairs of channels a group, 0.3 with 1024."""
MANY_PAIRS = 1024
PORTION_BYTES = 2**22
"""Of spectra that are made before they are multiplied: they are still in the cache then."""


def is_short(problem: Problem) -> bool:
    """Whether the kernel's spectra are computed by their definition.

    With one channel a group they would be products of a matrix and a vector, which an FFT beats.
    """
    if _has_one_channel(problem):
        return False
    pairs = problem.out_channels * problem.in_channels // problem.groups**2
    most = MOST_TAPS_OF_MANY if pairs >= MANY_PAIRS else MOST_TAPS
    return problem.kernel[-1] <= most


def times_kernel(
    x_spectra: torch.Tensor, weight: torch.Tensor, problem: Problem, lengths: tuple[int, ...]
) -> torch.Tensor:
    """Return the input's spectra times the kernel's, with F frequencies: (N, g, K/g, F).

    Args:
        x_spectra: (N, g, C/g, F).
        lengths: the transform's along each axis; of the last one half the frequencies are kept.
    """
    n, groups, _, count = x_spectra.shape
    y_spectra = x_spectra.new_empty(n, groups, problem.out_channels // groups, count)
    for frequencies, w_spectra in kernel_spectra(weight, problem, lengths):
        with PRODUCT:
            x = x_spectra[..., frequencies].permute(1, 3, 0, 2)
            y_spectra[..., frequencies] = multiplied(x, w_spectra).permute(2, 0, 3, 1)
    return y_spectra


def kernel_spectra(
    weight: torch.Tensor, problem: Problem, lengths: tuple[int, ...]
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield the kernel's spectra, some frequencies at a time: (which, (g, F, C/g, K/g)).

    Conjugated for a convolution, which in a network is a correlation; not for a transposed one.
    F is 1 where the kernel has a single tap: its spectrum is that tap for all frequencies.

    Args:
        lengths: the transform's along each axis; of the last one half the frequencies are kept.
    """
    if not is_short(problem):
        with PACK:
            spectra = _by_fft(weight, problem, lengths)
        yield slice(None), spectra
        return
    groups = problem.groups
    with PACK:
        taps = _by_group(weight, problem).to(weight.dtype.to_complex())
        channels = taps.shape[-2:]
        if math.prod(problem.kernel) > 1:
            taps, last = _all_but_the_last_axis(taps, problem, lengths)
    if math.prod(problem.kernel) == 1:
        yield slice(None), taps.reshape(groups, 1, *channels)
        return
    count = last.shape[0]
    rows = _portion_rows(problem, lengths, weight.element_size())
    for first in range(0, taps.shape[1], rows):
        with PACK:
            spectra = last @ taps[:, first : first + rows]
            spectra = spectra.view(groups, -1, *channels)
        yield slice(first * count, (first + rows) * count), spectra


def multiplied(x_spectra: torch.Tensor, w_spectra: torch.Tensor) -> torch.Tensor:
    """Return a matrix product over channels for each frequency, (g, F, N, K/g).

    Args:
        x_spectra: (g, F, N, C/g).
        w_spectra: (g, F, C/g, K/g), or with one frequency that stands for all.
    """
    if w_spectra.shape[2:] == (1, 1):
        return x_spectra * w_spectra
    if w_spectra.shape[1] == 1:
        return (x_spectra.flatten(1, 2) @ w_spectra[:, 0]).unflatten(1, x_spectra.shape[1:3])
    # Left as the transform did, each matrix would be copied and multiplied on its own.
    return x_spectra.contiguous() @ w_spectra


def _portion_rows(problem: Problem, lengths: tuple[int, ...], itemsize: int) -> int:
    """Return of how many frequencies of the other axes all of the last are made at a time."""
    pairs = problem.out_channels * problem.in_channels // problem.groups
    row_bytes = 2 * itemsize * (lengths[-1] // 2 + 1) * pairs
    return min(math.prod(lengths[:-1]), max(1, PORTION_BYTES // row_bytes))


def kernel_flops(problem: Problem, lengths: tuple[int, ...]) -> float:
    """Return the operations that `kernel_spectra` takes."""
    pairs = problem.out_channels * problem.in_channels // problem.groups
    size = math.prod(lengths)
    if not is_short(problem):
        return 2.5 * size * max(1, size - 1).bit_length() * pairs
    if math.prod(problem.kernel) == 1:
        return 0.0
    counts = (*lengths[:-1], lengths[-1] // 2 + 1)
    return (
        8.0
        * pairs
        * sum(
            math.prod(counts[: axis + 1]) * math.prod(problem.kernel[axis:])
            for axis in range(problem.axes)
        )
    )


def held_elements(problem: Problem, lengths: tuple[int, ...], itemsize: int) -> float:
    """Return the complex numbers that `times_kernel` holds at its most, apart from its result."""
    n, c, k = problem.batch_size, problem.in_channels, problem.out_channels
    pairs = k * c // problem.groups
    size = math.prod(lengths)
    columns = lengths[-1] // 2 + 1
    rows = size // lengths[-1]
    # Copies of what is multiplied, in the product's order, and the products in it.
    ordered = n * (c + k) * rows * columns
    if not is_short(problem):
        # The kernel's transform works on a padded copy, with one of its own.
        spectra = pairs * rows * columns
        ordered = 0 if _has_one_channel(problem) else ordered + spectra
        return max(spectra + ordered, 2 * spectra + pairs * size / 2)
    if math.prod(problem.kernel) == 1:
        return ordered + 2 * pairs
    portion = _portion_rows(problem, lengths, itemsize)
    # One portion is made while the one before is held, and an allocator seldom puts one where
    # another was.
    spectra = pairs * (rows * problem.kernel[-1] + 4 * portion * columns)
    return spectra + ordered * portion / rows


def _has_one_channel(problem: Problem) -> bool:
    return problem.in_channels == problem.out_channels == problem.groups


def _by_group(weight: torch.Tensor, problem: Problem) -> torch.Tensor:
    """Return (g, taps…, C/g, K/g)."""
    by_group = weight.unflatten(0, (problem.groups, -1))
    channels = (1, 2) if problem.is_transposed else (2, 1)
    return by_group.permute(0, *range(3, by_group.dim()), *channels)


def _by_fft(weight: torch.Tensor, problem: Problem, lengths: tuple[int, ...]) -> torch.Tensor:
    """Return (g, F, C/g, K/g), as the transform left it in memory."""
    taps = spread(weight, problem.dilation)
    spectra = torch.fft.rfftn(taps, lengths, tuple(range(-len(lengths), 0)))
    if not problem.is_transposed:
        spectra = spectra.conj()
    return _by_group(spectra.flatten(2), problem)


def _all_but_the_last_axis(
    taps: torch.Tensor, problem: Problem, lengths: tuple[int, ...]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (g, frequencies of the other axes, taps, C/g·K/g) and the last axis' twiddles."""
    counts = (*lengths[:-1], lengths[-1] // 2 + 1)
    *others, last = (
        _twiddles(taps, *of_axis, not problem.is_transposed)
        for of_axis in zip(problem.kernel, problem.dilation, lengths, counts, strict=True)
    )
    rows = problem.groups
    for twiddles in others:
        taps = twiddles @ taps.reshape(rows, twiddles.shape[1], -1)
        rows *= twiddles.shape[0]
    pairs = problem.out_channels * problem.in_channels // problem.groups**2
    return taps.reshape(problem.groups, -1, last.shape[1], pairs), last


def _twiddles(
    like: torch.Tensor, taps: int, step: int, length: int, count: int, is_conjugated: bool
) -> torch.Tensor:
    """Return exp(∓2πi·f·(step·r) / length) of `count` frequencies f and all taps r.

    Computed in float64 and rounded once; whole turns are taken off while they are whole numbers.
    """
    frequencies = torch.arange(count, device=like.device)
    places = torch.arange(taps, device=like.device) * step
    sign = 1 if is_conjugated else -1
    turns = frequencies.outer(places).remainder(length).double() * (sign / length)
    return torch.polar(torch.ones_like(turns), 2 * math.pi * turns).to(like.dtype)
