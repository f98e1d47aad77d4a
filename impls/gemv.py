"""One output pixel: a packed matrix times a vector, where calling takes longer than computing.

Squeeze-and-excitation blocks and heads convolve a single pixel: few products, under checks, views
and dispatch that take longer. Here everything that follows from the shapes is settled when the
weight is packed; a call allocates its output and hands four addresses to compiled code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from numba import types

from impls._kernels.finish import CODES, FUSED, finish_row
from impls._kernels.panels import panel_product, width_of
from impls._kernels.vector import VECTOR_BYTES
from impls._numba import njit
from impls._packing import Packing
from suite import Problem, register

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
class Panels:
    """A matrix in panels of (input, lane of the panel), and all that a call would find out anew."""

    like: torch.Tensor
    """A tensor like the output: to make another takes less than to make one from a shape."""
    panels: torch.Tensor
    """The matrix, flat; narrower panels follow wider ones."""
    address: int
    """Where the panels lie."""
    no_bias: torch.Tensor
    """Zeros in place of a bias."""
    sizes: tuple[int, int, int, int]
    """Bytes of an element, lanes of a vector, outputs, inputs."""
    finish: int
    """Code of what follows: see `impls._kernels.finish`."""


def _why_not(problem: Problem) -> str | None:
    if problem.batch_size != 1 or problem.output_elements != problem.out_channels:
        return "needs one image with one output pixel"
    plane = problem.height, problem.width
    pads = problem.padding != (0, 0) or problem.is_asymmetric
    if problem.kernel != plane or pads or problem.dilation != (1, 1):
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


def _pack(weight: torch.Tensor, problem: Problem) -> Panels:
    """Return the weight in panels, the last one filled up with zeros."""
    itemsize = weight.element_size()
    lanes = VECTOR_BYTES // itemsize
    matrix = weight.detach().reshape(problem.out_channels, -1)
    rows = F.pad(matrix, (0, 0, 0, -problem.out_channels % lanes))
    widths = [width * lanes for width in _widths(problem.out_channels, lanes)]
    panels = torch.cat([panel.t().reshape(-1) for panel in rows.split(widths)])
    return Panels(
        like=torch.empty(problem.output_shape, dtype=weight.dtype),
        panels=panels,
        address=panels.data_ptr(),
        no_bias=panels.new_zeros(problem.out_channels),
        sizes=(itemsize, lanes, *matrix.shape),
        finish=CODES[problem.epilogue],
    )


_packing = Packing("gemv", _pack, _why_not)


@register(
    "gemv",
    family="gemm",
    devices=("cpu",),
    via_float32=True,
    supports=_why_not,
    prepare=_packing.prepare,
    workspace_bytes=lambda problem, itemsize: itemsize * problem.input_elements,
    executed_flops=lambda problem: problem.direct_flops,
    epilogues=FUSED,
)
def gemv(
    input,
    weight,
    bias=None,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    *,
    epilogue="none",
    residual=None,
):
    """One pixel of one image: a packed matrix times a vector, with as little around it as can be.

    Shapes: input (1, C, R, S), weight packed or (K, C, R, S), result (1, K, 1, 1).
    Cost: 2·K·C·R·S operations on one thread, K rounded up to whole vectors.
    Extra memory: the input once more where its elements do not lie in order.
    Source: K. Goto, R. van de Geijn, "High-performance implementation of the level-3 BLAS" (2008),
    section 3, for panels that are read in the order in which they lie.

    Raises:
        Unsupported: more than one output pixel, or several groups.
    """
    arguments = stride, padding, dilation, groups
    packed = _packing.of_call(input, weight, bias, *arguments, epilogue=epilogue, residual=residual)
    panels = packed.content
    if bias is None:
        bias = panels.no_bias
    elif not bias.is_contiguous():
        bias = bias.contiguous()
    x = input if input.is_contiguous() else input.contiguous()
    y = torch.empty_like(panels.like)
    _multiply(*panels.sizes, y.data_ptr(), bias.data_ptr(), x.data_ptr(), panels.address)
    if panels.finish:
        outputs = y.view(-1).numpy()
        residuals = outputs if residual is None else residual.reshape(-1).numpy()
        finish_row(panels.finish, outputs, residuals)
    return y
