"""The convolution as a linear map, in float64: the judge's own reference for every direction.

For a fixed other operand each direction is linear in its *varying* operand v: forward in the
input, both backward directions in the output's gradient. Four views of the same map A are used:

- `result`: A v, every element, by torch's native float64 convolution;
- `elements`: single elements of A v, straight from the definition;
- `usual_elements`: how large each element is over many v;
- `adjoint`: Aᵀ r for r = u ⊗ s, u over the result's channels and s over everything else. Then
  ⟨r, A v⟩ = ⟨Aᵀ r, v⟩, so that one inner product checks a whole output (Freivalds, 1977). The
  rank-one r makes it cheap: the channels collapse before anything is convolved.
"""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch.nn.grad import conv2d_input, conv2d_weight

from suite.operands.tensors import Operands, pad_explicitly
from suite.problem import Problem, Scenario

COLUMN_BYTES = 256 * 2**20
"""torch's float64 convolution lowers a whole batch at once; the batch is cut to stay below."""


def convolve(
    problem: Problem, padded: torch.Tensor, weight: torch.Tensor, groups: int
) -> torch.Tensor:
    """Return the strided, dilated convolution of an already padded input."""
    if padded.numel() == 0 or weight.numel() == 0:
        shape = (padded.shape[0], weight.shape[0], problem.out_h, problem.out_w)
        return padded.new_zeros(shape)
    column_bytes = 8 * weight[0].numel() * groups * problem.out_h * problem.out_w
    chunk = max(1, COLUMN_BYTES // column_bytes)
    pieces = [
        F.conv2d(piece, weight, None, problem.stride, 0, problem.dilation, groups)
        for piece in padded.split(chunk)
    ]
    return torch.cat(pieces) if len(pieces) > 1 else pieces[0]


def result(scenario: Scenario, operands: Operands) -> torch.Tensor:
    """Return the whole result in float64, of shape `scenario.result_shape`."""
    problem, exact = scenario.problem, operands.double()
    padded = pad_explicitly(problem, exact.input)
    if scenario.direction == "forward":
        out = convolve(problem, padded, exact.weight, problem.groups)
        return out if exact.bias is None else out + exact.bias.view(1, -1, 1, 1)
    assert exact.grad is not None
    if problem.input_elements == 0 or exact.grad.numel() == 0:
        return padded.new_zeros(scenario.result_shape)
    options = {"stride": problem.stride, "dilation": problem.dilation, "groups": problem.groups}
    if scenario.direction == "backward_data":
        return _crop(problem, conv2d_input(padded.shape, exact.weight, exact.grad, **options))
    out = conv2d_weight(padded, exact.weight.shape, exact.grad, **options)
    assert isinstance(out, torch.Tensor)
    return out


def magnitude(scenario: Scenario, operands: Operands) -> torch.Tensor:
    """Return S = |v| ⋆ |w| (+ |b|): what rounding errors of each element scale with."""
    return result(scenario, operands.abs())


def usual_elements(
    scenario: Scenario, operands: Operands, varying_rms: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how large each element of the result is over many varying operands, and its S.

    Both are root mean squares, of S no less than that, for independent values of zero mean and of
    root mean square `varying_rms`; exactly 0 where an element sums nothing but padding. Shapes: the
    result's, or with a single sample where all are alike.
    """
    by_weight = scenario.direction != "backward_weight"
    fixed = (operands.weight if by_weight else operands.input).double()
    size = varying_rms * _sums_over_ones(scenario, fixed.abs())
    square = varying_rms**2 * _sums_over_ones(scenario, fixed.square())
    if scenario.direction == "forward" and operands.bias is not None:
        bias = operands.bias.double().view(1, -1, 1, 1)
        size, square = size + bias.abs(), square + bias.square()
    return square.sqrt(), size


def _sums_over_ones(scenario: Scenario, fixed: torch.Tensor) -> torch.Tensor:
    """Return A 1: the result without bias for a varying operand of ones and this other one.

    A tap's product is then the same wherever it meets a value, so that only where it does is left
    to be summed, along each axis apart.
    """
    problem, groups = scenario.problem, scenario.problem.groups
    rows, columns = _meets(problem, 0, scenario.direction), _meets(problem, 1, scenario.direction)
    if scenario.direction == "forward":
        kernels = fixed.sum(dim=1)
        return torch.einsum("pr,krs,qs->kpq", rows, kernels, columns).unsqueeze(0)
    if scenario.direction == "backward_data":
        kernels = fixed.unflatten(0, (groups, -1)).sum(dim=1).flatten(0, 1)
        return torch.einsum("hr,crs,ws->chw", rows, kernels, columns).unsqueeze(0)
    sums = torch.einsum("hr,chw,ws->crs", rows, fixed.sum(dim=0), columns)
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
        return planes.flatten(2).abs().amax(dim=2)[:, :, None, None]

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
    return size * places if scenario.direction == "backward_weight" else size


def meets_no_whole_kernel(problem: Problem) -> bool:
    """Return whether the input's plane is smaller than the kernel.

    To a transform it is then what a spike is: spread over a tile with taps that it never meets.
    """
    return problem.height < problem.effective_kernel_h or problem.width < problem.effective_kernel_w


def _crop(problem: Problem, padded: torch.Tensor) -> torch.Tensor:
    top, left = problem.pad_top, problem.pad_left
    return padded[:, :, top : top + problem.height, left : left + problem.width]


def elements(
    scenario: Scenario, operands: Operands, index: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return single elements of the result and their S, from the definition, in float64.

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
