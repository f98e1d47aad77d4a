"""The same maps by FFT in float64, where a kernel is so long that the definition takes minutes.

A sum's error is then some 1e-16 of the largest sums of its plane, a hundred million times less than
what float32 may be off by; float64 is held to the definition however long that takes. What sums
nothing is exactly 0, and integers are exact: what is off them is rounded away.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from suite.judge.form import Form, Triple
from suite.judge.meeting import places_met

SPECTRA_BYTES = 256 * 2**20
"""Of the weight's spectra at once."""

Planes = torch.Tensor
"""(images, channels, H, W) in float64."""


def add_small(form: Form, small: Planes, large: Planes, kernel: Planes) -> None:
    """Add to small planes what large ones and the kernel give."""
    size = _size(form)
    whole = torch.fft.rfft2(_placed(form, large, size))
    places = _every(form.small, form.stride)
    for groups, channels in _parts(form, size):
        taps = torch.fft.rfft2(_dilated(form, kernel, size, groups, channels))
        of_groups = _grouped(form, whole, 1)[:, groups]
        made = torch.einsum("ngchw,gkchw->ngkhw", of_groups, taps.conj())
        target = _grouped(form, small, 1)[:, groups, channels]
        target += torch.fft.irfft2(made, size)[..., places[0], places[1]]
    _clean(form, small, "small", large, kernel)


def add_large(form: Form, small: Planes, large: Planes, kernel: Planes) -> None:
    """Add to large planes what small ones and the kernel give."""
    size = _size(form)
    whole = torch.fft.rfft2(_strided(form, small, size))
    for groups, channels in _parts(form, size):
        taps = torch.fft.rfft2(_dilated(form, kernel, size, groups, channels))
        of_groups = _grouped(form, whole, 1)[:, groups, channels]
        made = torch.fft.irfft2(torch.einsum("ngkhw,gkchw->ngchw", of_groups, taps), size)
        target = _grouped(form, large, 1)[:, groups]
        own, theirs = _within(form, size)
        target[..., own[0], own[1]] += made[..., theirs[0], theirs[1]]
    _clean(form, large, "large", small, kernel)


def add_kernel(form: Form, small: Planes, large: Planes, kernel: Planes) -> None:
    """Add to the kernel what small and large planes give."""
    size = _size(form)
    inner = torch.fft.rfft2(_strided(form, small, size))
    whole = torch.fft.rfft2(_placed(form, large, size))
    places = _every(form.kernel, form.dilation)
    for groups, channels in _parts(form, size):
        of_small = _grouped(form, inner, 1)[:, groups, channels]
        of_large = _grouped(form, whole, 1)[:, groups]
        made = torch.einsum("ngchw,ngkhw->gkchw", of_large, of_small.conj())
        target = _grouped(form, kernel, 0)[groups, channels]
        target += torch.fft.irfft2(made, size)[..., places[0], places[1]]
    _clean(form, kernel, "kernel", small, large)


def _every(sizes: Triple, steps: Triple) -> tuple[slice, slice]:
    """Return so many rows and columns at these distances."""
    rows, columns = (
        slice(0, (size - 1) * step + 1, step)
        for size, step in zip(sizes[1:], steps[1:], strict=True)
    )
    return rows, columns


def _size(form: Form) -> tuple[int, int]:
    """Return the transform's: lengths with small prime factors that hold all that is read."""
    axes = zip(form.small, form.stride, form.covered, form.large, form.pad, strict=True)
    _, height, width = (
        _smooth(max((small - 1) * stride + covered, large + pad))
        for small, stride, covered, large, pad in axes
    )
    return height, width


def _smooth(length: int) -> int:
    while True:
        rest = length
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


def _grouped(form: Form, tensor: torch.Tensor, axis: int) -> torch.Tensor:
    parts: torch.Tensor = tensor.unflatten(axis, (form.groups, -1))
    return parts


def _parts(form: Form, size: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Yield groups, and small channels of a group, whose weights' spectra are not too large."""
    each = 16 * form.large_per_group * size[0] * (size[1] // 2 + 1)
    channels = max(1, min(form.small_per_group, SPECTRA_BYTES // each))
    groups = max(1, SPECTRA_BYTES // (each * channels)) if channels == form.small_per_group else 1
    for first in range(0, form.groups, groups):
        for start in range(0, form.small_per_group, channels):
            yield slice(first, first + groups), slice(start, start + channels)


def _dilated(
    form: Form, kernel: Planes, size: tuple[int, int], groups: slice, channels: slice
) -> Planes:
    """Return the taps at their distances, (g, K/g, C/g, …) of the transform's size."""
    taps = _grouped(form, kernel, 0)[groups, channels]
    wide = taps.new_zeros(*taps.shape[:3], *size)
    height, width = form.covered[1:]
    wide[..., : height : form.dilation[1], : width : form.dilation[2]] = taps
    return wide


def _strided(form: Form, small: Planes, size: tuple[int, int]) -> Planes:
    wide = small.new_zeros(*small.shape[:2], *size, dtype=torch.float64)
    (height, width), (stride_h, stride_w) = form.small[1:], form.stride[1:]
    rows, columns = (height - 1) * stride_h + 1, (width - 1) * stride_w + 1
    wide[..., :rows:stride_h, :columns:stride_w] = small
    return wide


def _placed(form: Form, large: Planes, size: tuple[int, int]) -> Planes:
    """Return large planes behind their padding, cut where nothing reads them."""
    wide = large.new_zeros(*large.shape[:2], *size, dtype=torch.float64)
    own, theirs = _within(form, size)
    wide[..., theirs[0], theirs[1]] = large[..., own[0], own[1]]
    return wide


def _within(form: Form, size: tuple[int, int]) -> tuple[list[slice], list[slice]]:
    """Return rows and columns of the large side, and where they lie in the transform."""
    numbers = [
        min(large, length - pad)
        for large, pad, length in zip(form.large[1:], form.pad[1:], size, strict=True)
    ]
    own = [slice(0, number) for number in numbers]
    theirs = [slice(p, p + number) for p, number in zip(form.pad[1:], numbers, strict=True)]
    return own, theirs


def _clean(form: Form, out: Planes, target: str, first: Planes, second: Planes) -> None:
    """Make 0 of what sums nothing, and integers of what sums products of integers."""
    if all(bool((side == side.round()).all()) for side in (first, second)):
        out.round_()
    for axis in (1, 2):
        of = "kernel" if target != "kernel" else "small"
        start, end, _ = places_met(form, axis, target, of)  # type: ignore[arg-type]
        out.movedim(1 + axis, -1)[..., end < start] = 0
