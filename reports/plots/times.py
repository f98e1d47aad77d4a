"""Time per call as marks with 95 % intervals, one group a scenario.

Marks and no bars: a logarithmic axis has no zero for a bar to begin at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.matrix import Matrix, MatrixCell
from reports.palette import Look
from reports.plots.style import (
    FAINT,
    INK,
    RULE,
    heading,
    machine_line,
    margins,
    new_figure,
    seconds_axis,
    short,
    shown,
    text_width_in,
)
from suite.conditions import Scenario

MOST_GROUPS = 24
"""Beyond, nobody reads on; the heat map goes further."""
GROUPS_A_COLUMN = 8
_ROW_IN = 0.165
_HEAD_ROWS = 1.6
"""Room above each group for the scenario's name, in rows."""


def draw(matrix: Matrix, manifest: dict[str, Any]) -> Figure | None:
    """Draw the marks; None when nothing passed."""
    times = [cell.summary.time_s.value for cell in matrix.passed if cell.summary]
    if not times:
        return None
    part = matrix.most_telling(MOST_GROUPS)
    total = len(part.scenarios)
    columns = min(3, max(1, math.ceil(total / GROUPS_A_COLUMN), 2 if total > 4 else 1))
    rows = math.ceil(total / columns)
    group_rows = len(part.implementations) + _HEAD_ROWS
    figure = new_figure(6.6 * columns, rows * group_rows * _ROW_IN + 1.5)
    panels = figure.subplots(1, columns, sharex=True, squeeze=False)[0]
    names_in = text_width_in(map(_row_name, part.implementations), size=7) + 0.2
    margins(figure, left_in=names_in, bottom_in=0.6)
    figure.subplots_adjust(wspace=names_in * columns / (6.6 * columns - names_in) * 1.1)
    left_s = 10 ** math.floor(math.log10(min(times)) - 0.2)
    for column, axes in enumerate(panels):
        scenarios = part.scenarios[column * rows : (column + 1) * rows]
        _draw_column(axes, part, scenarios, left_s)
        axes.set_ylim(rows * group_rows, -0.4)
        seconds_axis(axes)
        axes.set_xlim(left_s, max(times) * 30)
        axes.set_xlabel("time per call (logarithmic)", color=FAINT)
    heading(
        figure,
        "Time per call, 95 % interval over blocks",
        f"{shown(total, len(matrix.scenarios))} · {machine_line(manifest)}",
    )
    return figure


def _draw_column(axes: Axes, matrix: Matrix, scenarios: Sequence[Scenario], left_s: float) -> None:
    ticks, names = [], []
    y = 0.0
    for scenario in scenarios:
        at_left = axes.get_yaxis_transform()
        name = short(scenario.id, 60)
        axes.text(0.004, y + 0.5, name, transform=at_left, weight="bold", size=8.5, va="center")
        y += _HEAD_ROWS
        winner = matrix.winner(scenario)
        for name in matrix.implementations:
            if cell := matrix.cells.get((scenario.id, name)):
                _draw_row(axes, y, cell, matrix.look(name), left_s, cell is winner)
            ticks.append(y)
            names.append(_row_name(name))
            y += 1
    axes.set_yticks(ticks, names, size=7)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def _row_name(name: str) -> str:
    return short(name, 20)


def _draw_row(
    axes: Axes, y: float, cell: MatrixCell, look: Look, left_s: float, is_winner: bool
) -> None:
    style: dict[str, Any] = {"size": 7, "va": "center"}
    if cell.summary is None:
        word = cell.result.status.value.replace("_", " ")
        axes.text(left_s * 1.15, y, word, color=FAINT, style="italic", **style)
        return
    time_s = cell.summary.time_s
    axes.plot([left_s, time_s.value], [y, y], color=RULE, lw=0.8, zorder=1)
    mark: dict[str, Any] = {"marker": look.mark.matplotlib, "ls": "", "ms": 5, "mew": 0}
    axes.plot(time_s.value, y, color=look.colour, zorder=3, **mark)
    end_s = time_s.value
    if time_s.low is not None and time_s.high is not None:
        axes.plot([time_s.low, time_s.high], [y, y], color=INK, lw=1.1, solid_capstyle="butt")
        end_s = time_s.high
    label = f"{cell.time_words}{' disturbed' if cell.is_disturbed else ''}"
    weight = "bold" if is_winner else "normal"
    axes.text(end_s * 1.2, y, label, color=INK, weight=weight, **style)
