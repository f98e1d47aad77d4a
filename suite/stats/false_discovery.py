"""Many cells are looked at, and some look slower by chance."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

Cell = TypeVar("Cell", bound=Hashable)


def adjusted_p(p: Mapping[Cell, float], family: int) -> dict[Cell, float]:
    """Return Benjamini & Hochberg's adjusted p-values (J. R. Stat. Soc. B 57, 1995).

    Where no cell of a run has regressed, a run fails at level q with probability q at most: there
    the false discovery rate is the rate of false-failing runs. Paired cells of one machine depend
    on each other positively, which the procedure stands (Benjamini & Yekutieli, 2001).

    Args:
        family: how many hypotheses were looked at; at least as many as there are p-values.
    """
    adjusted: dict[Cell, float] = {}
    lowest = 1.0
    ranked = sorted(p, key=lambda cell: p[cell])
    for rank in range(len(ranked), 0, -1):
        cell = ranked[rank - 1]
        lowest = min(lowest, p[cell] * family / rank)
        adjusted[cell] = lowest
    return adjusted
