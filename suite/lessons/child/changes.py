"""What mistakes are made of: changes to operands, arguments and results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F

from suite.lessons.child.calls import Call, Sides
from suite.lessons.child.mistakes import Before


def of_kernel(change: Callable[[torch.Tensor], torch.Tensor]) -> Before:
    return lambda call: replace(call, w=change(call.w))


def of_input(change: Callable[[torch.Tensor], torch.Tensor]) -> Before:
    return lambda call: replace(call, x=change(call.x))


def of_sides(change: Callable[[Sides], Sides]) -> Before:
    return lambda call: replace(call, sides=change(call.sides)) if any(call.sides) else None


def of_bias(change: Callable[[torch.Tensor, Call], torch.Tensor | None]) -> Before:
    return lambda call: None if call.b is None else replace(call, b=change(call.b, call))


def square(change: Callable[[torch.Tensor], torch.Tensor]) -> Before:
    return lambda call: (
        replace(call, w=change(call.w)) if call.w.shape[2] == call.w.shape[3] else None
    )


def zeroed(w: torch.Tensor, *kept: slice) -> torch.Tensor:
    """Return the weight with zeros outside of (channels, rows, columns)."""
    mask = torch.zeros_like(w)
    mask[(slice(None), *kept)] = 1
    return w * mask


ALL = slice(None)


def cropped(y: torch.Tensor, call: Call) -> torch.Tensor | None:
    """Return the corner of a result that is larger than it ought to be."""
    rows, columns = call.plane
    return y[:, :, :rows, :columns] if y.shape[2] >= rows and y.shape[3] >= columns else None


def fitted(y: torch.Tensor, call: Call) -> torch.Tensor:
    """Return a result cropped, or filled with zeros at its ends, to the size it ought to have."""
    rows, columns = call.plane
    y = y[:, :, :rows, :columns]
    return F.pad(y, (0, columns - y.shape[3], 0, rows - y.shape[2]))


def framed(y: torch.Tensor, call: Call) -> torch.Tensor:
    rows, columns = call.plane[0] - y.shape[2], call.plane[1] - y.shape[3]
    return F.pad(y, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def padded_as(mode: str) -> Before:
    def change(call: Call) -> Call | None:
        top, bottom, left, right = call.sides
        height, width = call.x.shape[2:]
        if not any(call.sides) or max(top, bottom) >= height or max(left, right) >= width:
            return None
        x = F.pad(call.x, (left, right, top, bottom), mode=mode)
        return replace(call, x=x, sides=(0, 0, 0, 0))

    return change


def group_order(call: Call) -> torch.Tensor:
    """Return the output channels so that channel k computes with group k mod g."""
    return torch.arange(call.w.shape[0]).view(-1, call.groups).T.flatten()


def interleaved_outputs(call: Call) -> Call | None:
    order = group_order(call)
    w, b = call.w[order], None if call.b is None else call.b[order]
    return replace(call, w=w, b=b) if call.groups > 1 else None


def back_in_order(y: torch.Tensor, call: Call) -> torch.Tensor | None:
    return y[:, group_order(call).argsort()] if call.groups > 1 else None


def interleaved_inputs(call: Call) -> Call | None:
    if call.groups == 1:
        return None
    order = torch.arange(call.x.shape[1]).view(-1, call.groups).T.flatten()
    return replace(call, x=call.x[:, order])


def first_group_for_all(call: Call) -> Call | None:
    if call.groups == 1:
        return None
    return replace(call, x=call.x[:, : call.w.shape[1]], groups=1)


def shifted(rows: int, columns: int) -> Before:
    def change(call: Call) -> Call:
        x = call.padded()[:, :, rows:, columns:]
        return replace(call, x=F.pad(x, (0, columns, 0, rows)), sides=(0, 0, 0, 0))

    return change


def circular(call: Call) -> torch.Tensor:
    """Return the circular convolution of the padded plane, as a product of plain spectra has it."""
    x = call.padded()
    size = x.shape[2:]
    images, channels = x.shape[:2]
    spectra = torch.fft.fft2(x).view(images, call.groups, channels // call.groups, *size)
    kernels = torch.fft.fft2(call.w, s=size).unflatten(0, (call.groups, -1))
    y: torch.Tensor = torch.fft.ifft2(torch.einsum("ngchw,gkchw->ngkhw", spectra, kernels)).real
    return y.flatten(1, 2)


def not_conjugated(y: torch.Tensor, call: Call) -> torch.Tensor | None:
    if call.dilation != (1, 1):
        return None
    full = circular(call)[:, :, :: call.stride[0], :: call.stride[1]]
    full = full if call.b is None else full + call.b.view(1, -1, 1, 1)
    return full[:, :, : y.shape[2], : y.shape[3]]


def without_wrapping(y: torch.Tensor, call: Call) -> torch.Tensor | None:
    """Return the circular correlation of the plane without its padding, cropped."""
    if call.dilation != (1, 1) or call.stride != (1, 1) or not any(call.sides):
        return None
    flipped = replace(call, w=call.w.flip(2, 3), sides=(0, 0, 0, 0))
    rows, columns = call.w.shape[2] - 1, call.w.shape[3] - 1
    full = circular(flipped).roll((-rows, -columns), (2, 3))
    full = full if call.b is None else full + call.b.view(1, -1, 1, 1)
    return full if full.shape == y.shape else None
