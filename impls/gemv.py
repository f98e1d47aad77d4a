"""One output pixel: a packed matrix times a vector, where calling takes longer than computing.

Squeeze-and-excitation blocks and heads convolve a single pixel: few products, under checks, views
and dispatch that take longer. Here everything that follows from the shapes is settled when the
weight is packed; a call allocates its output and hands four addresses to compiled code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from numba import njit, types

from impls._arguments import problem_of
from impls._kernels.panels import panel_product, width_of
from impls._kernels.vector import VECTOR_BYTES
from suite import Problem, Unsupported, register

_single = panel_product(types.float32)
_double = panel_product(types.float64)


@njit(cache=True)
def _multiply(itemsize, lanes, outputs, depth, y, b, x, w):
    """Fill y from b, x and w, given by their addresses, panel by panel."""
    vectors = (outputs + lanes - 1) // lanes
    while vectors > 0:
        width = width_of(vectors)
        count = min(outputs, width * lanes)
        if itemsize == 4:
            _single(width, count, depth, y, b, x, w)
        else:
            _double(width, count, depth, y, b, x, w)
        y += count * itemsize
        b += count * itemsize
        w += width * lanes * depth * itemsize
        outputs -= count
        vectors -= width


@dataclass(frozen=True, slots=True)
class Packed:
    """A matrix in panels of (input, lane of the panel), and all that a call would find out anew."""

    input_shape: torch.Size
    like: torch.Tensor
    """A tensor like the output: to make another takes less than to make one from a shape."""
    panels: torch.Tensor
    no_bias: torch.Tensor
    sizes: tuple[int, int, int, int]
    """Bytes of an element, lanes of a vector, outputs, inputs."""
    address: int

    def fits(self, input: torch.Tensor, bias: torch.Tensor) -> bool:
        dtype = self.like.dtype
        return (
            input.shape == self.input_shape
            and input.dtype is dtype
            and (bias is self.no_bias or (bias.shape == self.no_bias.shape and bias.dtype is dtype))
        )


def _why_not(problem: Problem) -> str | None:
    if problem.batch_size != 1 or problem.output_elements != problem.out_channels:
        return "needs one image with one output pixel"
    if problem.kernel != (problem.height, problem.width) or problem.dilation != (1, 1):
        return "needs a kernel as large as the plane, without padding and dilation"
    if problem.groups != 1:
        return "needs one group"
    return None


def _widths(outputs: int, lanes: int) -> list[int]:
    """Return the vectors of each panel."""
    vectors, widths = -(-outputs // lanes), []
    while vectors > 0:
        widths.append(width_of.py_func(vectors))
        vectors -= widths[-1]
    return widths


def pack(weight: torch.Tensor, problem: Problem) -> Packed:
    """Return the weight in panels, the last one filled up with zeros."""
    itemsize = weight.element_size()
    lanes = VECTOR_BYTES // itemsize
    matrix = weight.detach().reshape(problem.out_channels, -1)
    rows = F.pad(matrix, (0, 0, 0, -problem.out_channels % lanes))
    widths = [width * lanes for width in _widths(problem.out_channels, lanes)]
    panels = torch.cat([panel.t().reshape(-1) for panel in rows.split(widths)])
    return Packed(
        torch.Size(problem.input_shape),
        torch.empty(problem.output_shape, dtype=weight.dtype),
        panels,
        panels.new_zeros(problem.out_channels),
        (itemsize, lanes, *matrix.shape),
        panels.data_ptr(),
    )


@register(
    "gemv",
    family="gemm",
    devices=("cpu",),
    supports=_why_not,
    prepare=pack,
    workspace_bytes=lambda problem, itemsize: itemsize * problem.input_elements,
    executed_flops=lambda problem: problem.direct_flops,
)
def gemv(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """One pixel of one image: a packed matrix times a vector, with as little around it as can be.

    Shapes: input (1, C, R, S), weight packed or (K, C, R, S), result (1, K, 1, 1).
    Cost: 2·K·C·R·S operations on one thread, K rounded up to whole vectors.
    Extra memory: the input once more where its elements do not lie in order.
    Source: K. Goto, R. van de Geijn, "High-performance implementation of the level-3 BLAS" (2008),
    section 3, for panels that are read in the order in which they lie.

    Raises:
        Unsupported: more than one output pixel, or several groups.
    """
    if type(weight) is not Packed:
        problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
        if reason := _why_not(problem):
            raise Unsupported(reason)
        weight = pack(weight, problem)
    if bias is None:
        bias = weight.no_bias
    # Compiled code sees addresses alone: what does not fit would be read past its end.
    if not weight.fits(input, bias):
        raise Unsupported(
            f"packed for {weight.like.dtype}, inputs of {tuple(weight.input_shape)} and "
            f"{weight.no_bias.numel()} outputs; got {input.dtype}, {tuple(input.shape)} and a bias "
            f"of {bias.dtype}, {tuple(bias.shape)}"
        )
    x = input if input.is_contiguous() else input.contiguous()
    if not bias.is_contiguous():
        bias = bias.contiguous()
    y = torch.empty_like(weight.like)
    _multiply(*weight.sizes, y.data_ptr(), bias.data_ptr(), x.data_ptr(), weight.address)
    return y
