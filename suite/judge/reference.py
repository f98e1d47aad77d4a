"""The convolution as a linear map, in float64: the judge's own reference for every direction.

For a fixed other operand each direction is linear in its *varying* operand v: forward in the
input, both backward directions in the output's gradient. Four views of the same map A are used:

- `result`: A v, every element, by torch's native float64 convolution;
- `elements`: single elements of A v, straight from the definition;
- `usual_elements` (usual.py): how large each element is over many v;
- the adjoint (projection.py): Aᵀ r for r = u ⊗ s, u over the result's channels and s over
  everything else. Then ⟨r, A v⟩ = ⟨Aᵀ r, v⟩, so that one inner product checks a whole output
  (Freivalds, 1977). The rank-one r makes it cheap: the channels collapse before anything is
  convolved.

Which map it is for each kind and direction: form.py. Forward a bias and an epilogue's residual are
added, which keeps all four; its activation does not, and is left to the callers
(`suite.operands.epilogue.activate_`).
"""

from __future__ import annotations

import math

import torch

from suite.conditions import Scenario
from suite.judge.form import Form, form_of, sides_of, with_three_axes
from suite.judge.maps import Change, Sides, as_is, given, meeting
from suite.operands.tensors import Operands
from suite.problem import Problem

FEW_WINDOWS = 32
"""Of a plane: so few may all happen to be small where those beside them are not."""


def result(scenario: Scenario, operands: Operands, change: Change = as_is) -> torch.Tensor:
    """Return the whole result in float64, of shape `scenario.result_shape`, before any activation.

    It is computed in pieces: besides the result, and a float64 copy of the weight, it takes a few
    times `maps.COLUMN_BYTES`, however large the operands are.

    Args:
        change: made to the values of all operands first, in float64.
    """
    out = given(form_of(scenario), sides_of(scenario, operands), change)
    if scenario.direction == "forward" and operands.bias is not None:
        out += change(operands.bias.double()).view(1, -1, 1, 1, 1)
    out = out.view(scenario.result_shape)
    if operands.residual is not None:
        for sample, residual in zip(out, operands.residual, strict=True):
            sample.add_(change(residual.double()))
    return out


def magnitude(scenario: Scenario, operands: Operands) -> torch.Tensor:
    """Return S = |v| ⋆ |w| (+ |b|): what rounding errors of each element scale with."""
    return result(scenario, operands, torch.Tensor.abs)


def reach(scenario: Scenario, operands: Operands) -> torch.Tensor:
    """Return S as a transform method meets it: each plane's maximum with all taps.

    The products of the planes' largest values with the summed kernels, one value a plane: shape
    (·, ·, 1, …).
    """
    form, sides = form_of(scenario), sides_of(scenario, operands)

    def by_group(tensor: torch.Tensor, axis: int) -> torch.Tensor:
        parts: torch.Tensor = tensor.double().unflatten(axis, (form.groups, -1))
        return parts

    def largest(side: torch.Tensor) -> torch.Tensor:
        sizes: torch.Tensor = torch.linalg.vector_norm(side, math.inf, dim=(2, 3, 4))
        return by_group(sizes, 1)

    if form.gives == "kernel":
        size = torch.einsum("ngk,ngc->gkc", largest(sides["small"]), largest(sides["large"]))
        size = size.flatten(0, 1) * math.prod(form.small)
    else:
        taps = sides["kernel"].abs().sum(dim=(2, 3, 4), dtype=torch.float64)
        product = "ngk,gkc->ngc" if form.gives == "large" else "ngc,gkc->ngk"
        values = largest(sides[form.varies])
        size = torch.einsum(product, values, by_group(taps, 0)).flatten(1)
        if scenario.direction == "forward" and operands.bias is not None:
            size = size + operands.bias.double().abs()
    if operands.residual is not None:
        size = size + largest(with_three_axes(operands.residual)).flatten(1)
    planes: torch.Tensor = size.view(*size.shape, *(1 for _ in range(scenario.problem.axes)))
    return planes


def shows_too_little(problem: Problem) -> bool:
    """Return whether a transform meets more than the S of what the result shows can tell.

    Where no window lies inside of the input, it is what a spike is: spread over a tile with taps
    that it never meets. Where there are few windows, large values may meet small taps in all of
    them, or lie in those that a stride skips, and a transform rounds with every value and tap.
    """
    return _meets_no_whole_kernel(problem) or _has_few_windows(problem)


def _has_few_windows(problem: Problem) -> bool:
    return not problem.is_transposed and math.prod(problem.output_size) <= FEW_WINDOWS


def _meets_no_whole_kernel(problem: Problem) -> bool:
    """Return whether the input is smaller than the kernel, or the stride skips each window in it.

    Of a transposed convolution the input alone counts.
    """
    axes = zip(problem.input_size, problem.effective_kernel, strict=True)
    if any(size < covered for size, covered in axes):
        return True
    if problem.is_transposed:
        return False
    windows = zip(
        problem.input_size, problem.effective_kernel, problem.stride, problem.pads, strict=True
    )
    # The first window that begins inside has to end there.
    return any(
        -(-before // stride) * stride - before + covered > size
        for size, covered, stride, (before, _) in windows
    )


def elements(
    scenario: Scenario, operands: Operands, index: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return single elements of `result` and their S, from the definition, in float64.

    Shapes: `index` (m, 2 + axes) → (m,), (m,).
    """
    form, sides = form_of(scenario), sides_of(scenario, operands)
    channels, places = index[:, :2], index[:, 2:]
    absent = places.new_zeros(len(index), 5 - index.shape[1])
    whole = torch.cat([channels, absent, places], dim=1)
    products = {"small": _small_products, "large": _large_products, "kernel": _kernel_products}
    value, size = products[form.gives](form, sides, whole)
    if scenario.direction == "forward" and operands.bias is not None:
        bias = operands.bias.double()[index[:, 1]]
        value, size = value + bias, size + bias.abs()
    if operands.residual is not None:
        residual = operands.residual[tuple(index.T)].double()
        value, size = value + residual, size + residual.abs()
    return value, size


def _summed(products: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    products = products.flatten(1)
    return products.sum(dim=1), products.abs().sum(dim=1)


def _along(axis: int, values: torch.Tensor) -> torch.Tensor:
    """Return (m, taps) of one axis as it is multiplied with the others': (m, 1, D, H, W)."""
    shape = [len(values), 1, 1, 1, 1]
    shape[2 + axis] = values.shape[1]
    return values.view(shape)


def _gather(
    tensor: torch.Tensor, sample: torch.Tensor, channel: torch.Tensor, places: list[torch.Tensor]
) -> torch.Tensor:
    """Return tensor[sample, channel, places] in float64, zero where there is no such place."""
    valid = torch.ones((), dtype=torch.bool)
    inside = []
    for place, size in zip(places, tensor.shape[2:], strict=True):
        valid = valid & (place >= 0) & (place < size)
        inside.append(place.clamp(0, max(size - 1, 0)))
    return tensor[sample, channel, inside[0], inside[1], inside[2]].double() * valid


def _small_products(
    form: Form, sides: Sides, index: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    n, k = (index[:, axis].view(-1, 1, 1, 1, 1) for axis in range(2))
    own = torch.arange(form.large_per_group).view(1, -1, 1, 1, 1)
    channel = k // form.small_per_group * form.large_per_group + own
    places = [
        _along(
            axis,
            index[:, 2 + axis, None] * form.stride[axis]
            + torch.arange(form.kernel[axis]) * form.dilation[axis]
            - form.pad[axis],
        )
        for axis in range(3)
    ]
    values = _gather(sides["large"], n, channel, places)
    return _summed(values * sides["kernel"][index[:, 1]].double())


def _large_products(
    form: Form, sides: Sides, index: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    n, c = (index[:, axis].view(-1, 1, 1, 1, 1) for axis in range(2))
    own = torch.arange(form.small_per_group).view(1, -1, 1, 1, 1)
    channel = c // form.large_per_group * form.small_per_group + own
    places, valid = [], torch.ones((), dtype=torch.bool)
    for axis in range(3):
        taps = torch.arange(form.kernel[axis]) * form.dilation[axis]
        distance = _along(axis, index[:, 2 + axis, None] + form.pad[axis] - taps)
        valid = valid & (distance % form.stride[axis] == 0)
        places.append(distance.div(form.stride[axis], rounding_mode="floor"))
    values = _gather(sides["small"], n, channel, places) * valid
    of_channel = c % form.large_per_group
    weight = sides["kernel"][channel.flatten(1), of_channel.flatten(1)].double()
    return _summed(values * weight)


def _kernel_products(
    form: Form, sides: Sides, index: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    sums = []
    for k, c, *taps in index.tolist():
        small, large = sides["small"][:, k], sides["large"][:, _large_channel(form, k, c)]
        for axis, tap in enumerate(taps):
            first, last = meeting(form, axis, tap)
            number = max(last - first + 1, 0)
            start = first * form.stride[axis] + tap * form.dilation[axis] - form.pad[axis]
            small = small.narrow(1 + axis, min(first, form.small[axis] - number), number)
            end = start + (number - 1) * form.stride[axis] + 1 if number else start
            step = slice(start, end, form.stride[axis]) if number else slice(0, 0)
            large = large[(slice(None),) * (1 + axis) + (step,)]
        sums.append(_summed((small.double() * large.double()).reshape(1, -1)))
    values, sizes = zip(*sums, strict=True)
    return torch.cat(values), torch.cat(sizes)


def _large_channel(form: Form, k: int, c: int) -> int:
    return k // form.small_per_group * form.large_per_group + c
