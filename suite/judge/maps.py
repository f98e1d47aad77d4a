"""The three maps of a form, in float64 and in pieces: what is given from the two other sides.

One plane of the depth at a time they are two-dimensional ones, summed over the kernel's depth,
which torch's native float64 convolution does. It lowers a whole batch to one matrix; it is cut, by
rows and columns too, so that besides the operands and what is given, and a float64 copy of one
plane of the weight, a few times `COLUMN_BYTES` are taken, however large the operands are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

from suite.judge import transforms
from suite.judge.form import Form, Side

COLUMN_BYTES = 256 * 2**20
"""torch's float64 convolution lowers a whole batch at once; it is cut, by rows too, below it."""

Change = Callable[[torch.Tensor], torch.Tensor]
Sides = dict[Side, torch.Tensor]


def as_is(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def given(form: Form, sides: Sides, change: Change = as_is) -> torch.Tensor:
    """Return what the form gives, of shape `form.shape(form.gives)`, in float64.

    Args:
        sides: the two others, with three axes.
        change: made to their values first, in float64.
    """
    out = torch.zeros(form.shape(form.gives), dtype=torch.float64)
    if 0 in (out.numel(), *(sides[side].numel() for side in (form.varies, form.fixed))):
        return out
    add = {"small": _add_small, "large": _add_large, "kernel": _add_kernel}[form.gives]
    if form.transforms:
        add = _by_transforms
    for tap in range(form.kernel[0]):
        kernel = out if form.gives == "kernel" else sides["kernel"]
        kernel = kernel[:, :, tap]
        if form.gives != "kernel":
            kernel = change(kernel.double())
        for small, large in _sheets(form, {**sides, form.gives: out}, tap):
            add(form, small, large, kernel, change)
    return out


def _by_transforms(
    form: Form, small: torch.Tensor, large: torch.Tensor, kernel: torch.Tensor, change: Change
) -> None:
    """Add to what the form gives, an image at a time."""
    add = {
        "small": transforms.add_small,
        "large": transforms.add_large,
        "kernel": transforms.add_kernel,
    }[form.gives]
    for image in range(small.shape[0]):
        own = {"small": small[image : image + 1], "large": large[image : image + 1]}
        for side in own.keys() - {form.gives}:
            own[side] = change(own[side].double())
        add(form, own["small"], own["large"], kernel)


def spread(form: Form, small: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Return what a form gives on its large side, where the small one has a channel a group.

    Shapes: `small` (N, g, …), `kernel` (g, C/g, …), float64 → (N, C, …). Written as a convolution
    of the zero-dilated small side with the flipped kernel, whose lowered matrix has one channel
    instead of C.
    """
    out = torch.zeros(form.shape("large"), dtype=torch.float64)
    if small.numel() == 0 or kernel.numel() == 0 or out.numel() == 0:
        return out
    if form.transforms:
        of_large = dataclasses.replace(form, gives="large", varies="small", fixed="kernel")
        return given(of_large, {"small": small, "kernel": kernel})
    for tap in range(form.kernel[0]):
        kernels = kernel[:, :, tap].flip(2, 3).flatten(0, 1).unsqueeze(1)
        for small_sheet, large_sheet in _sheets(form, {"small": small, "large": out}, tap):
            _add_spread(form, small_sheet, large_sheet, kernels)
    return out


def _sheets(form: Form, sides: Sides, tap: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield small and large planes that meet at a tap along the depth, as (images, C, H, W).

    All samples where there is one plane, else one sample's planes as if they were a batch: views,
    so that what is added to them is added to the sides.
    """
    small, large = sides["small"], sides["large"]
    first, last = meeting(form, 0, tap)
    if first > last:
        return
    start = first * form.stride[0] + tap * form.dilation[0] - form.pad[0]
    planes = slice(first, last + 1)
    met = slice(start, start + (last - first) * form.stride[0] + 1, form.stride[0])
    if form.small[0] == form.large[0] == 1:
        yield small[:, :, 0], large[:, :, 0]
        return
    for of_small, of_large in zip(small, large, strict=True):
        yield of_small[:, planes].transpose(0, 1), of_large[:, met].transpose(0, 1)


def meeting(form: Form, axis: int, tap: int) -> tuple[int, int]:
    """Return the first and the last place of the small side that meets the large one at a tap."""
    stride, at = form.stride[axis], tap * form.dilation[axis] - form.pad[axis]
    first = max(0, -(at // stride))
    last = min(form.small[axis] - 1, (form.large[axis] - 1 - at) // stride)
    return first, last


@dataclass(frozen=True)
class _Band:
    """Some images, rows and columns of the small side, and the rows and columns it reads."""

    samples: slice
    rows: slice
    columns: slice
    read: tuple[slice, slice]
    """Of the large side, from its own beginning; may begin before it, and end behind it."""

    def of(self, small: torch.Tensor) -> torch.Tensor:
        return small[self.samples, :, self.rows, self.columns]


def bands(images: int, plane: tuple[int, int], taps: int) -> Iterator[tuple[slice, slice, slice]]:
    """Yield images, rows and columns whose lowered matrix is not too large.

    Args:
        plane: rows and columns in all.
        taps: values that are lowered for one place.
    """
    height, width = plane
    place_bytes = 8 * max(taps, 1)
    columns = max(1, min(width, COLUMN_BYTES // place_bytes))
    rows = max(1, min(height, COLUMN_BYTES // (place_bytes * columns))) if columns == width else 1
    step = max(1, COLUMN_BYTES // (place_bytes * columns * rows)) if rows == height else 1
    for first in range(0, images, step):
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                yield (
                    slice(first, min(first + step, images)),
                    slice(top, min(top + rows, height)),
                    slice(left, min(left + columns, width)),
                )


def _bands(form: Form, images: int, taps: int) -> Iterator[_Band]:
    for samples, rows, columns in bands(images, form.small[1:], taps):
        read = _read_by(form, 1, rows), _read_by(form, 2, columns)
        yield _Band(samples, rows, columns, read)


def _read_by(form: Form, axis: int, places: slice) -> slice:
    """Return what these places of the small side read of the large one."""
    first = places.start * form.stride[axis] - form.pad[axis]
    last = (places.stop - 1) * form.stride[axis] - form.pad[axis]
    return slice(first, last + form.covered[axis])


def _inside(read: slice, size: int) -> slice:
    start = min(max(read.start, 0), size)
    return slice(start, max(min(read.stop, size), start))


def _padded(form: Form, large: torch.Tensor, band: _Band, change: Change) -> torch.Tensor:
    """Return what a band reads, in float64, with zeros where the large side has nothing."""
    rows, columns = (
        _inside(read, size) for read, size in zip(band.read, form.large[1:], strict=True)
    )
    values = change(large[band.samples, :, rows, columns].double())
    missing = []
    for read, found in zip(band.read[::-1], (columns, rows), strict=True):
        length = read.stop - read.start
        before = min(max(-read.start, 0), length)
        missing += [before, length - before - (found.stop - found.start)]
    return F.pad(values, missing)


def _add_small(
    form: Form, small: torch.Tensor, large: torch.Tensor, kernel: torch.Tensor, change: Change
) -> None:
    for band in _bands(form, small.shape[0], kernel[0].numel()):
        read = _padded(form, large, band, change)
        target = band.of(small)
        target += F.conv2d(read, kernel, None, form.stride[1:], 0, form.dilation[1:], form.groups)


def _add_large(
    form: Form, small: torch.Tensor, large: torch.Tensor, kernel: torch.Tensor, change: Change
) -> None:
    for band in _bands(form, small.shape[0], kernel[0].numel()):
        values = change(band.of(small).double())
        sizes = [read.stop - read.start for read in band.read]
        shape = (values.shape[0], form.large_channels, *sizes)
        made = conv2d_input(
            shape, kernel, values, form.stride[1:], 0, form.dilation[1:], form.groups
        )
        _add_where_it_is(large[band.samples], made, band.read)


def _add_where_it_is(large: torch.Tensor, made: torch.Tensor, read: tuple[slice, slice]) -> None:
    """Add what was made for places of the large side, of which some may not exist."""
    rows, columns = (_inside(of, size) for of, size in zip(read, large.shape[2:], strict=True))
    top, left = rows.start - read[0].start, columns.start - read[1].start
    height, width = rows.stop - rows.start, columns.stop - columns.start
    target = large[:, :, rows, columns]
    target += made[:, :, top : top + height, left : left + width]


def _add_kernel(
    form: Form, small: torch.Tensor, large: torch.Tensor, kernel: torch.Tensor, change: Change
) -> None:
    for band in _bands(form, small.shape[0], kernel[0].numel()):
        read = _padded(form, large, band, change)
        kernel += conv2d_weight(
            read,
            kernel.shape,
            change(band.of(small).double()),
            form.stride[1:],
            0,
            form.dilation[1:],
            form.groups,
        )


def _add_spread(
    form: Form, small: torch.Tensor, large: torch.Tensor, kernels: torch.Tensor
) -> None:
    (height, width), (stride_h, stride_w) = form.small[1:], form.stride[1:]
    reach = [covered - 1 for covered in form.covered[1:]]
    size = [
        max(large + pad, (small - 1) * stride + covered) + covered - 1
        for large, small, pad, stride, covered in zip(
            form.large[1:],
            form.small[1:],
            form.pad[1:],
            form.stride[1:],
            form.covered[1:],
            strict=True,
        )
    ]
    plane = small.new_zeros(*small.shape[:2], *size)
    rows = slice(reach[0], reach[0] + (height - 1) * stride_h + 1, stride_h)
    columns = slice(reach[1], reach[1] + (width - 1) * stride_w + 1, stride_w)
    plane[:, :, rows, columns] = small
    for samples, rows, columns in bands(small.shape[0], form.large[1:], kernels[0].numel()):
        read = [
            slice(places.start + pad, places.stop + pad + beyond)
            for places, pad, beyond in zip((rows, columns), form.pad[1:], reach, strict=True)
        ]
        target = large[samples, :, rows, columns]
        target += F.conv2d(
            plane[samples, :, read[0], read[1]], kernels, None, 1, 0, form.dilation[1:], form.groups
        )
