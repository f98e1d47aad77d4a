"""Error against speed-up: every cell, each implementation's middle, and the Pareto front."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from reports.matrix import Matrix, MatrixCell
from reports.palette import MOST_LABELS
from reports.plots.style import (
    FAINT,
    INK,
    heading,
    legend,
    machine_line,
    padded,
    plain_log_axis,
    scatter_figure,
)

Point = tuple[float, float]
DRAWN = (1e-30, 1e30)
"""Errors between which a logarithmic axis can be read; beyond, outputs were empty or nonsense."""


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Return the (speed, error) points that no other beats in both, from slow to fast."""
    front: list[Point] = []
    for speed, error in sorted(points, key=lambda point: (-point[0], point[1])):
        if not front or error < front[-1][1]:
            front.append((speed, error))
    return front[::-1]


def draw(matrix: Matrix, manifest: dict[str, Any]) -> Figure | None:
    """Draw the picture; None when no cell has both a speed-up and an error above zero."""
    points = {name: _points(matrix, name) for name in matrix.implementations}
    points = {name: pairs for name, pairs in points.items() if pairs}
    if not points:
        return None
    figure, axes = scatter_figure(len(points))
    middles = {name: _middle(pairs) for name, pairs in points.items()}
    for name, pairs in points.items():
        row = matrix.look(name)
        look: dict[str, Any] = {"color": row.colour, "marker": row.mark.matplotlib}
        speeds, errors = zip(*pairs, strict=True)
        axes.scatter(speeds, errors, s=13, alpha=0.35, lw=0, rasterized=len(pairs) > 200, **look)
        look |= {"edgecolors": "white", "label": name if len(points) > MOST_LABELS else None}
        axes.scatter(*middles[name], s=105, lw=1.2, zorder=4, **look)
    front = pareto_front(list(middles.values()))
    is_crowded = len(middles) > MOST_LABELS
    _label(axes, {k: v for k, v in middles.items() if v in front or not is_crowded})
    axes.plot(*zip(*front, strict=True), color=INK, lw=1, ls="--", zorder=3, label="Pareto front")
    axes.axvline(1, color=FAINT, lw=0.8)
    plain_log_axis(axes, "x", "×")
    axes.set_yscale("log")
    everything = [point for pairs in points.values() for point in pairs]
    axes.set_xlim(padded(speed for speed, _ in everything))
    axes.set_ylim(padded(error for _, error in everything))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}")
    axes.yaxis.set_minor_formatter("")
    axes.set_xlabel("speed-up over the reference (faster →, logarithmic)")
    axes.set_ylabel("relative L2 error against float64 (logarithmic)")
    legend(axes, len(middles), "upper left")
    heading(
        figure,
        "Error against speed",
        f"small: cells · large: geometric mean over cells · {machine_line(manifest)}",
    )
    return figure


def _points(matrix: Matrix, name: str) -> list[Point]:
    cells = [cell for cell in matrix.passed if cell.result.implementation == name]
    return [(cell.speedup, cell.rel_l2_error) for cell in cells if _is_drawable(cell)]  # type: ignore[misc]


def _is_drawable(cell: MatrixCell) -> bool:
    error = cell.rel_l2_error
    if not cell.speedup or cell.is_disturbed:
        return False
    return error is not None and DRAWN[0] < error < DRAWN[1]


def _middle(pairs: Sequence[Point]) -> Point:
    speeds, errors = zip(*pairs, strict=True)
    return statistics.geometric_mean(speeds), statistics.geometric_mean(errors)


def _label(axes: Axes, middles: dict[str, Point]) -> None:
    """Name each large mark, below it where a neighbour's name would be in the way."""
    placed: list[Point] = []
    for name, (speed, error) in sorted(middles.items(), key=lambda item: item[1]):
        is_crowded = any(
            abs(math.log(speed / other_speed)) < 0.9 and abs(math.log(error / other_error)) < 0.25
            for other_speed, other_error in placed
        )
        offset = (9, -11) if is_crowded else (9, 7)
        axes.annotate(
            name,
            (speed, error),
            xytext=offset,
            textcoords="offset points",
            zorder=5,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )
        placed.append((speed, error))
