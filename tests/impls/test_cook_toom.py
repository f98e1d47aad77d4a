"""The matrices of Cook-Toom, checked in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest

from impls._winograd.cook_toom import POINTS, cook_toom

SIZES = [(m, r) for m, r in product(range(1, 8), range(1, 8)) if m + r - 2 in POINTS]


@pytest.mark.parametrize(("m", "r"), SIZES)
def test_computes_the_filter_exactly(m, r):
    """y[i] = Σ_k d[i+k]·g[k]: Σ_j Aᵀ[i][j]·G[j][k]·Bᵀ[j][l] is 1 where l = i + k, else 0."""
    f = cook_toom(m, r)
    for i, k, position in product(range(m), range(r), range(f.tile)):
        coefficient = sum(
            f.output_matrix[i][j] * f.weight_matrix[j][k] * f.input_matrix[j][position]
            for j in range(f.tile)
        )
        assert coefficient == (1 if position == i + k else 0)


def test_a_wrong_entry_is_noticed():
    f = cook_toom(4, 3)
    rows = [list(row) for row in f.input_matrix]
    rows[2][1] += Fraction(1, 1000)
    wrong = sum(f.output_matrix[0][j] * f.weight_matrix[j][0] * rows[j][1] for j in range(f.tile))
    assert wrong != 0


def test_needs_one_multiplication_for_each_input():
    assert cook_toom(4, 3).tile == 6
    assert len(cook_toom(4, 3).weight_matrix) == 6


def test_any_distinct_points_will_do():
    points = tuple(Fraction(p) for p in (3, -5, 7, Fraction(1, 9)))
    f = cook_toom(3, 3, points)
    total = sum(
        f.output_matrix[2][j] * f.weight_matrix[j][1] * f.input_matrix[j][3] for j in range(5)
    )
    assert total == 1


def test_refuses_points_that_repeat_or_are_too_few():
    with pytest.raises(ValueError, match="distinct"):
        cook_toom(2, 3, (Fraction(0), Fraction(1), Fraction(1)))
    with pytest.raises(ValueError, match="needs 3"):
        cook_toom(2, 3, (Fraction(0), Fraction(1)))
