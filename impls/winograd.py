"""Winograd's minimal filtering in two dimensions, in a dozen lines of torch.

One output tile of m×m needs n×n inputs, n = m + r - 1. Computed as a sum of products it takes
m²·r² multiplications; as

    Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A

it takes n²: 16 in place of 36 for F(2×2, 3×3), 36 in place of 144 for F(4×4, 3×3). The matrices
(impls/_winograd/cook_toom.py tells where they come from) apply the one-dimensional algorithm
F(m, r) to the rows and then to the columns of a tile.

With C input channels the products are summed over c, and that sum moves inside the brackets:
transform every input tile once, every kernel once, then for each of the n² positions (a, b)
multiply a matrix (K×C) by a matrix (C×tiles). These n² products hold nearly all the work.

What it costs: the transforms, n²/m² times the input as extra memory, and accuracy. The entries
of the matrices grow with n, results are differences of large terms, and the error of a tile is
relative to the tile's largest values, not to each output's own.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F

from impls._arguments import add_bias, problem_of
from impls._winograd.cook_toom import Matrix, cook_toom
from suite import Problem, Unsupported, register
from suite.phases import INVERSE, PACK, PRODUCT, TRANSFORM, UNPACK

TAPS = 3


@functools.cache
def _matrices(
    outputs: int, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return Aᵀ, G and Bᵀ of F(outputs, 3), each fraction rounded once."""
    filter = cook_toom(outputs, TAPS)

    def tensor(matrix: Matrix) -> torch.Tensor:
        rows = [[float(value) for value in row] for row in matrix]
        return torch.tensor(rows, dtype=dtype, device=device)

    return tensor(filter.output_matrix), tensor(filter.weight_matrix), tensor(filter.input_matrix)


def _why_not(problem: Problem) -> str | None:
    if problem.kernel != (TAPS, TAPS):
        return f"needs a 3×3 kernel, this one is {problem.kernel_h}×{problem.kernel_w}"
    if problem.stride != (1, 1):
        return "needs stride 1"
    if problem.dilation != (1, 1):
        return "needs dilation 1"
    return None


def _tile_counts(problem: Problem, outputs: int) -> tuple[int, int]:
    return -(-problem.out_h // outputs), -(-problem.out_w // outputs)


def winograd(
    outputs: int,
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    problem: Problem,
) -> torch.Tensor:
    """Return the 3×3 convolution by F(outputs×outputs, 3×3).

    The einsum letters: i, j position in a tile of inputs or taps; a, b position among the n²
    products; p, q position in a tile of outputs; y, x tile; n image, g group, k and c channels of
    the group.

    Raises:
        Unsupported: another kernel size, stride or dilation.
    """
    if reason := _why_not(problem):
        raise Unsupported(reason)
    n, groups = problem.batch_size, problem.groups
    group_in, group_out = problem.in_channels // groups, problem.out_channels // groups
    tile = outputs + TAPS - 1
    tiles_h, tiles_w = _tile_counts(problem, outputs)
    A_t, G, B_t = _matrices(outputs, input.dtype, input.device)

    # The last tiles reach beyond the output: pad so that they find zeros there, crop at the end.
    below = tiles_h * outputs + TAPS - 1 - problem.height - problem.pad_top
    right = tiles_w * outputs + TAPS - 1 - problem.width - problem.pad_left
    with PACK:
        g = weight.reshape(groups, group_out, group_in, TAPS, TAPS)
        U = torch.einsum("ai,gkcij,bj->abgkc", G, g, G)
    with TRANSFORM:
        padded = F.pad(input, (problem.pad_left, right, problem.pad_top, below))
        # Tiles overlap by r - 1: windows of n, each m further on.
        d = padded.unfold(2, tile, outputs).unfold(3, tile, outputs)
        d = d.reshape(n, groups, group_in, tiles_h, tiles_w, tile, tile)
        V = torch.einsum("ai,ngcyxij,bj->abgcnyx", B_t, d, B_t)
    with PRODUCT:
        M = U @ V.reshape(tile, tile, groups, group_in, n * tiles_h * tiles_w)
        M = M.view(tile, tile, groups, group_out, n, tiles_h, tiles_w)
    with INVERSE:
        Y = torch.einsum("pa,abgknyx,qb->ngkypxq", A_t, M, A_t)
    with UNPACK:
        y = Y.reshape(n, problem.out_channels, tiles_h * outputs, tiles_w * outputs)
        return add_bias(y[:, :, : problem.out_h, : problem.out_w], bias)


def _workspace_bytes(outputs: int, problem: Problem, itemsize: int) -> int:
    tiles_h, tiles_w = _tile_counts(problem, outputs)
    tiles = problem.batch_size * tiles_h * tiles_w
    tile = outputs + TAPS - 1
    c, k = problem.in_channels, problem.out_channels
    padded = problem.batch_size * c * (tiles_h * outputs + 2) * (tiles_w * outputs + 2)
    transformed_weight = tile * tile * problem.weight_elements // TAPS**2
    # Windows, transformed tiles and their copy in the product's order; then the products, and what
    # einsum makes of them: reordered, after one transform, reordered again, after both.
    of_tiles = 3 * tile**2 * c
    of_outputs = (2 * tile**2 + 2 * outputs * tile + outputs**2) * k
    return itemsize * (padded + 3 * transformed_weight + tiles * (of_tiles + of_outputs))


def _executed_flops(outputs: int, problem: Problem) -> float:
    """Return the operations of the products and of the transforms as dense matrices."""
    tiles_h, tiles_w = _tile_counts(problem, outputs)
    tiles = problem.batch_size * tiles_h * tiles_w
    tile = outputs + TAPS - 1
    c, k = problem.in_channels, problem.out_channels
    products = 2 * tile**2 * tiles * k * (c // problem.groups)
    of_inputs = 4 * tile**3 * tiles * c
    of_outputs = 2 * (outputs * tile**2 + outputs**2 * tile) * tiles * k
    of_weights = 2 * (tile * TAPS**2 + tile**2 * TAPS) * k * (c // problem.groups)
    return products + of_inputs + of_outputs + of_weights


def _register(outputs: int, error_factor: float):
    return register(
        f"winograd_{outputs}x{outputs}",
        family="winograd",
        error_factor=error_factor,
        nan_policy="tile",
        supports=_why_not,
        workspace_bytes=functools.partial(_workspace_bytes, outputs),
        executed_flops=functools.partial(_executed_flops, outputs),
    )


@_register(2, error_factor=2)
def winograd_2x2(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """F(2×2, 3×3): 2.25 times fewer multiplications, as accurate as the direct sum.

    Shapes: input (N, C, H, W), weight (K, C/g, 3, 3), result (N, K, P, Q); stride 1, dilation 1.
    Cost: 2·T·K·C/g·16 operations in 16 matrix products, T = N·⌈P/2⌉·⌈Q/2⌉ tiles.
    Extra memory: at its peak about 12 times the input and 13 times the output.
    Source: A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks" (2016),
    section 4.1; points 0, 1, -1, ∞, so that the matrices hold only 0, ±1, ±1/2.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    return winograd(2, input, weight, bias, problem)


@_register(4, error_factor=4)
def winograd_4x4(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """F(4×4, 3×3): 4 times fewer multiplications, for about 2.5 times the direct sum's error.

    Shapes: input (N, C, H, W), weight (K, C/g, 3, 3), result (N, K, P, Q); stride 1, dilation 1.
    Cost: 2·T·K·C/g·36 operations in 36 matrix products, T = N·⌈P/4⌉·⌈Q/4⌉ tiles.
    Extra memory: at its peak about 7 times the input and 9 times the output.
    Source: Lavin and Gray (2016), section 4.3, with the points 0, ±2/3, ±3/2, ∞, which halve the
    error of the usual 0, ±1, ±2 (Alam et al., 2022).
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    return winograd(4, input, weight, bias, problem)
