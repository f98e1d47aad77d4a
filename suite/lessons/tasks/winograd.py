"""Exercises of the lesson on Winograd: one tile size by hand, and better points."""

from suite.lessons.lesson import Task

TASKS = (
    Task(
        what="complete F(2×2, 3×3): transform, multiply, transform back",
        text='''\
import torch
import torch.nn.functional as F
from suite import register

B_T = torch.tensor([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]).double()
G = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]).double()
A_T = torch.tensor([[1, 1, 1, 0], [0, 1, -1, -1]]).double()


@register("exercise", family="winograd", nan_policy="tile")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """A 3×3 kernel, stride 1, no padding, one group."""
    b_t, g, a_t = (matrix.to(input.dtype) for matrix in (B_T, G, A_T))
    images, channels, height, width = input.shape
    out_h, out_w = height - 2, width - 2
    # Tiles of 4×4 inputs, 2 apart; the last may reach beyond the picture, so zeros are added.
    x = F.pad(input, (0, out_w % 2, 0, out_h % 2))
    tiles = x.unfold(2, 4, 2).unfold(3, 4, 2)  # (images, channels, rows, columns, 4, 4)
    # Yours: every kernel transformed, (out_channels, channels, 4, 4).
    U = ...
    # Yours: every tile transformed, of the shape of `tiles`.
    V = ...
    # Yours: products, summed over channels: (images, out_channels, rows, columns, 4, 4).
    M = ...
    # Yours: transformed back, (…, 2, 2).
    Y = ...
    y = Y.permute(0, 1, 2, 4, 3, 5).reshape(images, weight.shape[0], x.shape[2] - 2, -1)
    output = y[:, :, :out_h, :out_w]
    return output if bias is None else output + bias.view(1, -1, 1, 1)
''',
        shapes=("example", "channels", "3x3-channels", "3x3-odd", "bias"),
        hints=(
            "Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A: each matrix acts from both sides, on the rows and on "
            "the columns. @ works on the last two axes of a tensor, whatever stands before them.",
            "U = g @ weight @ g.T and V = b_t @ tiles @ b_t.T; M sums over c only: an einsum.",
            "M = torch.einsum('kcab,ncyxab->nkyxab', U, V); Y = a_t @ M @ a_t.T",
        ),
    ),
    Task(
        what="find five points with which F(4, 3) has at most 0.7 of the usual error",
        text='''\
from fractions import Fraction
from math import prod

# The five finite points of F(4, 3). Yours: others. Use fractions, so that nothing is rounded.
POINTS = [Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2)]


def polynomial(roots):
    """Return the coefficients of the product of all (x - root), the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [a - root * b for a, b in zip(shifted, [*coefficients, 0])]
    return coefficients


def matrices():
    """Return the matrices of outputs (4×6), weights (6×3) and inputs (6×6)."""
    outputs = [[point**i for point in POINTS] + [i == 3] for i in range(4)]
    weights, inputs = [], []
    for point in POINTS:
        others = [other for other in POINTS if other != point]
        scale = prod(point - other for other in others)
        weights.append([point**k / scale for k in range(3)])
        inputs.append([*polynomial(others), 0])
    weights.append([0, 0, 1])
    inputs.append(polynomial(POINTS))
    return outputs, weights, inputs
''',
        function="matrices",
        claim="matrices",
        hints=(
            "The matrices hold powers of the points up to the fourth. What do powers of 2 do to "
            "the size of their entries, and what would points nearer to 1 do?",
            "Points too near to each other are bad, too: G divides by their differences. Try pairs "
            "±c, ±1/c with c between 1/2 and 1.",
            "0, ±2/3, ±3/2",
        ),
    ),
)
