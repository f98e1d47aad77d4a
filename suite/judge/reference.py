"""The convolution as a linear map, in float64: the judge's own reference for every direction.

For a fixed other operand each direction is linear in its *varying* operand v: forward in the
input, both backward directions in the output's gradient. Four views of the same map A are used:

- `result`: A v, every element, by torch's native float64 convolution;
- `elements`: single elements of A v, straight from the definition;
- `usual_elements`: how large each element is over many v;
- `adjoint`: Aᵀ r for r = u ⊗ s, u over the result's channels and s over everything else. Then
  ⟨r, A v⟩ = ⟨Aᵀ r, v⟩, so that one inner product checks a whole output (Freivalds, 1977). The
  rank-one r makes it cheap: the channels collapse before anything is convolved.

Forward a bias and an epilogue's residual are added, which keeps all four; its activation does not,
and is left to the callers (`suite.operands.epilogue.activate_`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

from suite.operands.tensors import Operands, pad_explicitly
from suite.problem import Problem, Scenario

COLUMN_BYTES = 256 * 2**20
"""torch's float64 convolution lowers a whole batch at once; it is cut, by rows too, below it."""

Change = Callable[[torch.Tensor], torch.Tensor]


def convolve(
    problem: Problem, padded: torch.Tensor, weight: torch.Tensor, groups: int
) -> torch.Tensor:
    """Return the strided, dilated convolution of an already padded input."""
    out = padded.new_empty(padded.shape[0], weight.shape[0], problem.out_h, problem.out_w)
    if padded.numel() == 0 or weight.numel() == 0:
        return out.zero_()
    options = (problem.stride, 0, problem.dilation, groups)
    plane = problem.out_h, problem.out_w
    for samples, rows in bands(padded.shape[0], plane, weight[0].numel() * groups):
        band = padded[samples, :, _read_by(problem, rows)]
        out[samples, :, rows] = F.conv2d(band, weight, None, *options)
    return out


def bands(samples: int, plane: tuple[int, int], taps: int) -> Iterator[tuple[slice, slice]]:
    """Yield samples and rows of an output whose lowered matrix is not too large.

    Args:
        plane: rows and columns of the output.
        taps: values that are lowered for one place of the output, over all groups.
    """
    height, width = plane
    row_bytes = 8 * max(taps * width, 1)
    rows = max(1, min(height, COLUMN_BYTES // row_bytes))
    step = max(1, COLUMN_BYTES // (row_bytes * rows)) if rows >= height else 1
    for first in range(0, samples, step):
        for top in range(0, height, rows):
            yield slice(first, min(first + step, samples)), slice(top, min(top + rows, height))


def _read_by(problem: Problem, rows: slice) -> slice:
    """Return the rows of the padded input that these rows of the output read."""
    top = rows.start * problem.stride_h
    bottom = (rows.stop - 1) * problem.stride_h + problem.effective_kernel_h
    return slice(top, bottom)


def _padded_band(problem: Problem, x: torch.Tensor, read: slice, change: Change) -> torch.Tensor:
    """Return some rows of the padded input, in float64.

    Args:
        change: made to the values before they are padded.
    """
    top, bottom = read.start - problem.pad_top, read.stop - problem.pad_top
    inside = change(x[:, :, max(top, 0) : max(min(bottom, problem.height), 0)].double())
    above = min(max(-top, 0), bottom - top)
    below = bottom - top - above - inside.shape[2]
    return F.pad(inside, (problem.pad_left, problem.pad_right, above, below))


def _as_is(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def result(scenario: Scenario, operands: Operands, change: Change = _as_is) -> torch.Tensor:
    """Return the whole result in float64, of shape `scenario.result_shape`, before any activation.

    It is computed in pieces: besides the result, and a float64 copy of the weight, it takes a few
    times `COLUMN_BYTES`, however large the operands are.

    Args:
        change: made to the values of all operands first, in float64.
    """
    problem, forward = scenario.problem, scenario.direction == "forward"
    out = torch.zeros(scenario.result_shape, dtype=torch.float64)
    grad = operands.grad
    varying = operands.input if forward else grad
    assert varying is not None
    if varying.numel() == 0 or problem.input_elements == 0 or problem.weight_elements == 0:
        return _shifted(out, operands, change) if forward else out
    weight = change(operands.weight.double())
    options = {"stride": problem.stride, "dilation": problem.dilation, "groups": problem.groups}
    taps = weight[0].numel() * problem.groups
    plane = problem.out_h, problem.out_w
    for samples, rows in bands(problem.batch_size, plane, taps):
        read = _read_by(problem, rows)
        if scenario.direction == "backward_data":
            assert grad is not None
            _spread_band(
                problem, out[samples], weight, change(grad[samples, :, rows].double()), read
            )
            continue
        band = _padded_band(problem, operands.input[samples], read, change)
        if forward:
            out[samples, :, rows] = F.conv2d(
                band, weight, None, problem.stride, 0, problem.dilation, problem.groups
            )
        else:
            assert grad is not None
            out += conv2d_weight(
                band, weight.shape, change(grad[samples, :, rows].double()), **options
            )
    return _shifted(out, operands, change) if forward else out


def _shifted(out: torch.Tensor, operands: Operands, change: Change) -> torch.Tensor:
    """Add what does not depend on the varying operand, in place."""
    if operands.bias is not None:
        out.add_(change(operands.bias.double()).view(1, -1, 1, 1))
    if operands.residual is not None:
        for sample, residual in zip(out, operands.residual, strict=True):
            sample.add_(change(residual.double()))
    return out


def _spread_band(
    problem: Problem, out: torch.Tensor, weight: torch.Tensor, grad: torch.Tensor, read: slice
) -> None:
    """Add to the input's gradient what some rows of the output's give, all in float64."""
    shape = (out.shape[0], problem.in_channels, read.stop - read.start, problem.padded_w)
    options = {"stride": problem.stride, "dilation": problem.dilation, "groups": problem.groups}
    band = conv2d_input(shape, weight, grad, **options)
    top = max(read.start, problem.pad_top)
    bottom = min(read.stop, problem.pad_top + problem.height)
    if top < bottom:
        columns = slice(problem.pad_left, problem.pad_left + problem.width)
        target = out[:, :, top - problem.pad_top : bottom - problem.pad_top]
        target += band[:, :, top - read.start : bottom - read.start, columns]


def magnitude(scenario: Scenario, operands: Operands) -> torch.Tensor:
    """Return S = |v| ⋆ |w| (+ |b|): what rounding errors of each element scale with."""
    return result(scenario, operands, torch.Tensor.abs)


def usual_elements(
    scenario: Scenario, operands: Operands, varying_rms: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how large each element of the result is over many varying operands, and its S.

    Both are root mean squares, of S no less than that, for independent values of zero mean and of
    root mean square `varying_rms`; exactly 0 where an element sums nothing but padding. Shapes: the
    result's, or with a single sample where all are alike.
    """
    by_weight = scenario.direction != "backward_weight"
    fixed = operands.weight if by_weight else operands.input
    size = _sums_over_ones(scenario, fixed, torch.Tensor.abs).mul_(varying_rms)
    square = _sums_over_ones(scenario, fixed, torch.Tensor.square).mul_(varying_rms**2)
    if scenario.direction == "forward" and operands.bias is not None:
        bias = operands.bias.double().view(1, -1, 1, 1)
        size, square = size + bias.abs(), square + bias.square()
    if operands.residual is not None:
        residual = operands.residual.double()
        size, square = size + residual.abs(), square + residual.square()
    return square.sqrt(), size


def _sums_over_ones(scenario: Scenario, fixed: torch.Tensor, change: Change) -> torch.Tensor:
    """Return A 1: the result without bias for a varying operand of ones and this other, changed.

    A tap's product is then the same wherever it meets a value, so that only where it does is left
    to be summed, along each axis apart.
    """
    problem, groups = scenario.problem, scenario.problem.groups
    rows, columns = _meets(problem, 0, scenario.direction), _meets(problem, 1, scenario.direction)
    if scenario.direction == "forward":
        kernels = change(fixed.double()).sum(dim=1)
        return torch.einsum("pr,krs,qs->kpq", rows, kernels, columns).unsqueeze(0)
    if scenario.direction == "backward_data":
        kernels = change(fixed.double()).unflatten(0, (groups, -1)).sum(dim=1).flatten(0, 1)
        return torch.einsum("hr,crs,ws->chw", rows, kernels, columns).unsqueeze(0)
    planes = torch.zeros(fixed.shape[1:], dtype=torch.float64)
    for sample in fixed:
        planes += change(sample.double())
    sums = torch.einsum("hr,chw,ws->crs", rows, planes, columns)
    alike = problem.out_channels // groups
    by_group: torch.Tensor = sums.unflatten(0, (groups, -1))
    return by_group.repeat_interleave(alike, dim=0)


def _meets(problem: Problem, axis: int, direction: str) -> torch.Tensor:
    """Return 1 where a tap meets a value that is not padding, else 0, along rows or columns.

    Shapes: forward (outputs, taps), backward (inputs, taps).
    """
    size = (problem.height, problem.width)[axis]
    out = (problem.out_h, problem.out_w)[axis]
    pad = (problem.pad_top, problem.pad_left)[axis]
    stride = problem.stride[axis]
    taps = torch.arange(problem.kernel[axis]) * problem.dilation[axis]
    if direction == "forward":
        read = torch.arange(out).view(-1, 1) * stride + taps - pad
        return ((read >= 0) & (read < size)).double()
    first = torch.arange(size).view(-1, 1) + pad - taps
    return ((first >= 0) & (first < out * stride) & (first % stride == 0)).double()


def reach(scenario: Scenario, operands: Operands) -> torch.Tensor:
    """Return S as a transform method meets it: each plane's maximum with all taps.

    The convolution of the planes' largest values with the summed kernels, one value a plane:
    shape (·, ·, 1, 1).
    """
    problem = scenario.problem

    def largest(planes: torch.Tensor) -> torch.Tensor:
        size: torch.Tensor = torch.linalg.vector_norm(planes, math.inf, dim=(2, 3), keepdim=True)
        return size

    point = Problem.of_call(
        (problem.batch_size, problem.in_channels, 1, 1),
        (*problem.weight_shape[:2], 1, 1),
        bias=problem.bias,
        groups=problem.groups,
    )
    grad, places = operands.grad, problem.out_h * problem.out_w
    taps = operands.weight.abs().sum(dim=(2, 3), keepdim=True, dtype=torch.float64)
    flat = Operands(
        largest(operands.input), taps, operands.bias, None if grad is None else largest(grad)
    )
    size = magnitude(dataclasses.replace(scenario, problem=point), flat)
    if operands.residual is not None:
        size += largest(operands.residual).double()
    return size * places if scenario.direction == "backward_weight" else size


def meets_no_whole_kernel(problem: Problem) -> bool:
    """Return whether the input's plane is smaller than the kernel.

    To a transform it is then what a spike is: spread over a tile with taps that it never meets.
    """
    return problem.height < problem.effective_kernel_h or problem.width < problem.effective_kernel_w


def elements(
    scenario: Scenario, operands: Operands, index: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return single elements of `result` and their S, from the definition, in float64.

    Shapes: `index` (m, 4) → (m,), (m,).
    """
    if scenario.direction == "forward":
        products = _forward_products(scenario.problem, operands, index)
    elif scenario.direction == "backward_data":
        products = _backward_data_products(scenario.problem, operands, index)
    else:
        products = _backward_weight_products(scenario.problem, operands, index)
    value, size = products.sum(dim=1), products.abs().sum(dim=1)
    if scenario.direction == "forward" and operands.bias is not None:
        bias = operands.bias.double()[index[:, 1]]
        value, size = value + bias, size + bias.abs()
    if operands.residual is not None:
        residual = operands.residual[tuple(index.T)].double()
        value, size = value + residual, size + residual.abs()
    return value, size


def _gather(
    tensor: torch.Tensor,
    sample: torch.Tensor,
    channel: torch.Tensor,
    row: torch.Tensor,
    column: torch.Tensor,
    valid: torch.Tensor,
) -> torch.Tensor:
    """Return tensor[sample, channel, row, column] in float64, zero where not `valid`."""
    row = row.clamp(0, max(tensor.shape[2] - 1, 0))
    column = column.clamp(0, max(tensor.shape[3] - 1, 0))
    return tensor[sample, channel, row, column].double() * valid


def _forward_products(problem: Problem, operands: Operands, index: torch.Tensor) -> torch.Tensor:
    n, k, p, q = (index[:, axis].view(-1, 1, 1, 1) for axis in range(4))
    per_group = problem.in_channels // problem.groups
    first = k // (problem.out_channels // problem.groups) * per_group
    channel = first + torch.arange(per_group).view(1, -1, 1, 1)
    taps_h = torch.arange(problem.kernel_h).view(1, 1, -1, 1) * problem.dilation_h
    taps_w = torch.arange(problem.kernel_w).view(1, 1, 1, -1) * problem.dilation_w
    row = p * problem.stride_h + taps_h - problem.pad_top
    column = q * problem.stride_w + taps_w - problem.pad_left
    valid = (row >= 0) & (row < problem.height) & (column >= 0) & (column < problem.width)
    values = _gather(operands.input, n, channel, row, column, valid)
    return (values * operands.weight[index[:, 1]].double()).flatten(1)


def _backward_data_products(
    problem: Problem, operands: Operands, index: torch.Tensor
) -> torch.Tensor:
    assert operands.grad is not None
    n, c, h, w = (index[:, axis].view(-1, 1, 1, 1) for axis in range(4))
    out_per_group = problem.out_channels // problem.groups
    in_per_group = problem.in_channels // problem.groups
    channel = c // in_per_group * out_per_group + torch.arange(out_per_group).view(1, -1, 1, 1)
    taps_h = torch.arange(problem.kernel_h).view(1, 1, -1, 1) * problem.dilation_h
    taps_w = torch.arange(problem.kernel_w).view(1, 1, 1, -1) * problem.dilation_w
    row, column = h + problem.pad_top - taps_h, w + problem.pad_left - taps_w
    valid = (row % problem.stride_h == 0) & (column % problem.stride_w == 0)
    row = row.div(problem.stride_h, rounding_mode="floor")
    column = column.div(problem.stride_w, rounding_mode="floor")
    valid = valid & (row >= 0) & (row < problem.out_h) & (column >= 0) & (column < problem.out_w)
    values = _gather(operands.grad, n, channel, row, column, valid)
    weight = operands.weight[channel.flatten(1), (c % in_per_group).flatten(1)].double()
    return (values * weight).flatten(1)


def _backward_weight_products(
    problem: Problem, operands: Operands, index: torch.Tensor
) -> torch.Tensor:
    assert operands.grad is not None
    per_group = problem.in_channels // problem.groups
    out_per_group = problem.out_channels // problem.groups
    padded = pad_explicitly(problem, operands.input)
    products = []
    for k, c, r, s in index.tolist():
        top, left = r * problem.dilation_h, s * problem.dilation_w
        window = padded[
            :,
            k // out_per_group * per_group + c,
            top : top + (problem.out_h - 1) * problem.stride_h + 1 : problem.stride_h,
            left : left + (problem.out_w - 1) * problem.stride_w + 1 : problem.stride_w,
        ]
        products.append((window.double() * operands.grad[:, k].double()).flatten())
    return torch.stack(products)
