"""Cook-Toom: the three matrices of a fast one-dimensional filter, in exact fractions.

F(m, r) computes m outputs of an r-tap filter from n = m + r - 1 inputs,

    y[i] = Σ_k d[i + k]·g[k]        i < m, k < r,

with n multiplications in place of m·r:

    y = Aᵀ [ (G g) ⊙ (Bᵀ d) ]       Aᵀ: m×n, G: n×r, Bᵀ: n×n

Where they come from. The product of two polynomials of degrees m-1 and r-1 has n coefficients, so
n values determine it. Evaluate both factors at n points (that is A and G), multiply value by
value, interpolate (that is B). This computes a product of polynomials; a filter is the transposed
map, and transposing the algorithm (evaluation of the outputs' side becomes Aᵀ, interpolation
becomes Bᵀ on the data) gives the filter with the same n multiplications. One of the points is
infinity: the value of a polynomial there is its leading coefficient.

With finite points a_0 … a_{n-2} and N_j = Π_{l≠j} (a_j - a_l):

    Aᵀ[i][j] = a_jⁱ                                Aᵀ[i][∞] = 1 for i = m-1, else 0
    G[j][k]  = a_jᵏ / N_j                          G[∞][k]  = 1 for k = r-1, else 0
    Bᵀ[j]    = coefficients of Π_{l≠j} (x - a_l)   Bᵀ[∞]    = coefficients of Π_l (x - a_l)

Any distinct points are correct; the choice decides the rounding error. Reciprocal pairs
±c, ±1/c keep the powers of the points near 1 in Aᵀ and G alike.

Sources: S. Winograd, "Arithmetic complexity of computations" (1980), chapter IV; A. Lavin and
S. Gray, "Fast algorithms for convolutional neural networks" (2016), section 4; points: S. Alam et
al., "Winograd convolution for deep neural networks: efficient point selection" (2022).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction

Matrix = tuple[tuple[Fraction, ...], ...]

# Finite points by how many a filter needs (m + r - 2). The order of a list only orders rows.
# The relative L2 error of a 3×3 float32 layer of 64 channels stands beside each.
POINTS: dict[int, tuple[Fraction, ...]] = {
    0: (),
    1: (Fraction(0),),
    2: (Fraction(0), Fraction(1)),
    3: tuple(map(Fraction, ("0", "1", "-1"))),
    4: tuple(map(Fraction, ("0", "1", "-1", "1/2"))),
    5: tuple(map(Fraction, ("0", "2/3", "-2/3", "3/2", "-3/2"))),
    6: tuple(map(Fraction, ("0", "1", "-1", "1/2", "-1/2", "-2"))),
    7: tuple(map(Fraction, ("0", "1", "-1", "1/2", "-1/2", "2", "-2"))),
}


@dataclass(frozen=True)
class Filter:
    """F(m, r): m outputs of an r-tap filter, and its matrices in exact fractions."""

    outputs: int
    """m"""
    taps: int
    """r"""
    output_matrix: Matrix
    """Aᵀ, m×n"""
    weight_matrix: Matrix
    """G, n×r"""
    input_matrix: Matrix
    """Bᵀ, n×n"""

    @property
    def tile(self) -> int:
        """n = m + r - 1, the inputs that one tile of outputs reads and its multiplications."""
        return self.outputs + self.taps - 1


@functools.cache
def cook_toom(outputs: int, taps: int, points: tuple[Fraction, ...] | None = None) -> Filter:
    """Return F(`outputs`, `taps`) for `outputs + taps - 2` distinct finite points and infinity.

    Raises:
        ValueError: points repeat, or their number does not fit.
    """
    finite = outputs + taps - 2
    points = POINTS[finite] if points is None else points
    if len(set(points)) != finite or len(points) != finite:
        raise ValueError(f"F({outputs}, {taps}) needs {finite} distinct points, got {points}")
    others = [points[:j] + points[j + 1 :] for j in range(finite)]
    evaluate = [
        (*(point**i for point in points), Fraction(int(i == outputs - 1))) for i in range(outputs)
    ]
    weigh = [
        tuple(point**k / _product(point - other for other in others[j]) for k in range(taps))
        for j, point in enumerate(points)
    ]
    weigh.append(tuple(Fraction(int(k == taps - 1)) for k in range(taps)))
    interpolate = [(*_polynomial(roots), Fraction(0)) for roots in others]
    interpolate.append(_polynomial(points))
    return Filter(outputs, taps, tuple(evaluate), tuple(weigh), tuple(interpolate))


def _product(factors) -> Fraction:
    result = Fraction(1)
    for factor in factors:
        result *= factor
    return result


def _polynomial(roots: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """Return the coefficients of Π (x - root), the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        scaled = [root * value for value in coefficients] + [Fraction(0)]
        coefficients = [a - b for a, b in zip(shifted, scaled, strict=True)]
    return tuple(coefficients)
