"""Winograd with packed weights, in bands of tiles that stay in the cache.

The algorithm of winograd.py, laid out for the machine:

- The kernels are transformed once, into panels in the order in which the product reads them.
- A band of tile rows at a time goes through three phases (transform, multiply, transform back),
  so that its transformed tiles are still in the cache when the next phase wants them.
- Channels lie next to each other while transforming: one vector instruction transforms the same
  position of as many channels as a register holds, and the matrices' zeros, ones and mirrored
  rows are compiled into the code (impls/_kernels/transforms.py).
- Each phase is divided among the threads by what it has plenty of: tile rows × channels in the
  transforms, positions × output channels in the product (impls/_winograd/bands.py).
- With few channels, where all kernels and a row of tiles fit into one core's cache, the phases are
  fused: each thread takes bands of its own through all three.

Outputs are finished, an activation and a residual sum, as a row of tiles is written.

In three axes the tiles are those of slices; their products are summed over the kernel's depth
before they are transformed back (impls/_winograd/volumes.py). A transposed convolution is one with
the output channels of all phases of its stride (impls/_transposed.py), kernels filled up to a size
that there are tiles for: 4×4 with stride 2 is 3×3 with four times the channels.

A tile of n inputs per axis serves kernels of several sizes, m = n - r + 1: n = 8 is F(6, 3),
F(4, 5) and F(2, 7), all with the same transform of the input. Along an axis with one tap there is
nothing to transform, so that 1×7 and 7×1 kernels run in one dimension.

Sources: A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks" (2016), section 4;
the layout after Z. Jia, A. Zlateski, F. Durand, K. Li, "Optimizing N-dimensional, Winograd-based
convolution for manycore CPUs" (PPoPP 2018), section 4.
"""

from __future__ import annotations

import functools

from impls._kernels.finish import FUSED
from impls._packing import Packing
from impls._transposed import Piece, convolve_pieces, outputs_of, pieces_of
from impls._winograd.calls import convolve, executed_flops, pack, why_not, workspace_bytes
from impls._winograd.tiles import TAPS, TILES
from suite import Problem, register
from suite.kinds import CONVOLUTIONS, TRANSPOSED

WIDTHS = (1, *TAPS)
"""Taps along an axis that there are tiles for."""


def _piece(problem: Problem) -> Piece:
    """Return the one convolution that a transposed one is."""
    (piece,) = pieces_of(problem, WIDTHS)
    return piece


def _why_not_transposed(tile: int, problem: Problem) -> str | None:
    if not pieces_of(problem, WIDTHS):
        return "no output meets a tap of the kernel"
    reason = why_not(tile, _piece(problem).problem)
    return f"as a convolution of all its phases: {reason}" if reason else None


def _pack_transposed(tile: int, weight, problem: Problem):
    piece = _piece(problem)
    return piece, pack(tile, piece.kernel(weight, problem.groups), piece.problem)


_packings = {
    tile: Packing(
        f"winograd_tile{tile}", functools.partial(pack, tile), functools.partial(why_not, tile)
    )
    for tile in TILES
}
_transposed_packings = {
    tile: Packing(
        f"winograd_tile{tile}",
        functools.partial(_pack_transposed, tile),
        functools.partial(_why_not_transposed, tile),
    )
    for tile in TILES
}


def _run(tile, input, weight, bias, *arguments, **follows):
    packed = _packings[tile].of_call(input, weight, bias, *arguments, **follows)
    residual = follows["residual"]
    return convolve(tile, packed.problem, packed.content, input, bias, residual)


def _register(tile: int, error_factor: float):
    return register(
        f"winograd_tile{tile}",
        family="winograd",
        error_factor=error_factor,
        nan_policy="tile",
        devices=("cpu",),
        via_float32=True,
        kinds=CONVOLUTIONS,
        supports=functools.partial(why_not, tile),
        prepare=_packings[tile].prepare,
        workspace_bytes=functools.partial(workspace_bytes, tile),
        executed_flops=functools.partial(executed_flops, tile),
        epilogues=FUSED,
    )


def _register_transposed(tile: int, error_factor: float) -> None:
    """Register the same tiles for transposed convolutions, through the convolution of all phases.

    Shapes: input (N, C, …), weight packed or (C, K/g, …), result (N, K, …).
    Cost: as for the convolution with K·strides output channels, and a copy of the output.
    """
    packing = _transposed_packings[tile]

    def convolve_piece(piece: Piece, panels, input, bias):
        return convolve(tile, piece.problem, panels, input, bias)

    def transposed(
        input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
    ):
        packed = packing.of_call(
            input, weight, bias, stride, padding, dilation, groups, output_padding=output_padding
        )
        added = None if bias is None else bias.detach()
        return convolve_pieces(convolve_piece, [packed.content], packed.problem, input, added)

    def bytes_of(problem: Problem, itemsize: int) -> int:
        own = workspace_bytes(tile, _piece(problem).problem, itemsize)
        return own + itemsize * outputs_of(pieces_of(problem, WIDTHS))

    register(
        f"winograd_tile{tile}",
        family="winograd",
        error_factor=error_factor,
        nan_policy="tile",
        devices=("cpu",),
        via_float32=True,
        kinds=TRANSPOSED,
        supports=functools.partial(_why_not_transposed, tile),
        prepare=packing.prepare,
        workspace_bytes=bytes_of,
        executed_flops=lambda problem: executed_flops(tile, _piece(problem).problem),
    )(transposed)


@_register(4, error_factor=2)
def winograd_tile4(
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
    """F(2×2, 3×3), packed and blocked: 2.25 times fewer multiplications, the direct sum's error.

    Shapes: input (N, C, H, W), weight packed or (K, C/g, R, S), result (N, K, P, Q); stride 1.
    Cost: 2·16·T·K·C/g operations in the products, T = N·⌈P/2⌉·⌈Q/2⌉ tiles.
    Extra memory: one band of transformed tiles and products, about 8 MiB.
    Source: the module's docstring.
    """
    arguments = stride, padding, dilation, groups
    return _run(4, input, weight, bias, *arguments, epilogue=epilogue, residual=residual)


@_register(6, error_factor=4)
def winograd_tile6(
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
    """F(4×4, 3×3) and F(2×2, 5×5), packed and blocked: 4 and 2.8 times fewer multiplications.

    Shapes: input (N, C, H, W), weight packed or (K, C/g, R, S), result (N, K, P, Q); stride 1.
    Cost: 2·36·T·K·C/g operations in the products, T = N·⌈P/m⌉·⌈Q/m⌉ tiles.
    Extra memory: one band of transformed tiles and products, about 8 MiB.
    Source: the module's docstring.
    """
    arguments = stride, padding, dilation, groups
    return _run(6, input, weight, bias, *arguments, epilogue=epilogue, residual=residual)


@_register(8, error_factor=8)
def winograd_tile8(
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
    """F(6×6, 3×3), F(4×4, 5×5) and F(2×2, 7×7), packed and blocked: up to 6 times fewer products.

    Shapes: input (N, C, H, W), weight packed or (K, C/g, R, S), result (N, K, P, Q); stride 1.
    Cost: 2·64·T·K·C/g operations in the products, T = N·⌈P/m⌉·⌈Q/m⌉ tiles.
    Extra memory: one band of transformed tiles and products, about 8 MiB.
    Source: the module's docstring.
    """
    arguments = stride, padding, dilation, groups
    return _run(8, input, weight, bias, *arguments, epilogue=epilogue, residual=residual)


for _tile, _factor in ((4, 2.0), (6, 4.0), (8, 8.0)):
    _register_transposed(_tile, _factor)
