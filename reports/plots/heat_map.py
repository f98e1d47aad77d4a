"""The speed-up heat map: scenario × implementation, logarithmic colour centred on 1."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter

from reports import units
from reports.matrix import Matrix, MatrixCell
from reports.palette import FASTER, NEUTRAL, SLOWER, STATUS_WORDS
from reports.plots.style import (
    FAINT,
    INK,
    MOST_SCENARIOS,
    heading,
    machine_line,
    margins,
    new_figure,
    short,
    shown,
    text_width_in,
)

COLOURS = LinearSegmentedColormap.from_list("slower_faster", [*SLOWER, NEUTRAL, *FASTER])
LIMIT = 8.0
"""Beyond 8 times slower or faster the colour says no more; the number does."""
_LEGEND_IN = 0.85
_DARK_FROM = 0.62
"""Distance from the centre of the scale, 0 to 1, from which white text reads better."""


def draw(matrix: Matrix, manifest: dict[str, Any]) -> Figure | None:
    """Draw the heat map; None when no cell has a speed-up."""
    if not any(cell.speedup for cell in matrix.passed):
        return None
    part = matrix.most_telling(MOST_SCENARIOS)
    rows, columns = len(part.scenarios), len(part.implementations)
    labels = [short(scenario.id) for scenario in part.scenarios]
    is_slanted = max(map(len, part.implementations)) > 11
    left_in, top_in = text_width_in(labels) + 0.3, 1.5 if is_slanted else 1.0
    right_in = 0.75 if is_slanted else 0.2
    column_in = 0.86 if columns <= 12 else 0.72
    width_in = max(6.4, left_in + column_in * columns + right_in)
    figure = new_figure(width_in, top_in + 0.3 * rows + _LEGEND_IN)
    axes = figure.add_subplot()
    margins(figure, left_in=left_in, bottom_in=_LEGEND_IN, right_in=right_in, top_in=top_in)
    for y, scenario in enumerate(part.scenarios):
        winner = part.winner(scenario)
        for x, name in enumerate(part.implementations):
            cell = part.cells.get((scenario.id, name))
            _draw_cell(axes, x, y, cell, is_winner=cell is not None and cell is winner)
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    axes.set_xticks(
        [x + 0.5 for x in range(columns)], [short(name, 24) for name in part.implementations]
    )
    axes.set_yticks([y + 0.5 for y in range(rows)], labels)
    axes.tick_params(length=0, labelcolor=INK, top=True, labeltop=True, bottom=False)
    axes.tick_params(labelbottom=False, pad=5)
    if is_slanted:
        axes.tick_params(axis="x", labelrotation=30)
        for label in axes.get_xticklabels():
            label.set(horizontalalignment="left", rotation_mode="anchor")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    _colour_bar(figure)
    references = sorted({cell.result.reference for cell in matrix.passed})
    heading(
        figure,
        f"Speed-up over {' and '.join(references)}",
        f"{shown(rows, len(matrix.scenarios))} · {machine_line(manifest)}",
    )
    return figure


def position(speedup: float) -> float:
    """Return where a speed-up lies on the colour scale: -1 slowest, 0 equal, 1 fastest."""
    return max(-1.0, min(1.0, math.log(speedup) / math.log(LIMIT)))


def _draw_cell(axes: Axes, x: int, y: int, cell: MatrixCell | None, *, is_winner: bool) -> None:
    if cell is None:
        return
    frame: dict[str, Any] = {"xy": (x + 0.02, y + 0.04), "width": 0.96, "height": 0.92}
    if cell.speedup is None:
        axes.add_patch(
            Rectangle(**frame, facecolor="#f1f1f1", edgecolor="#b9b9b9", hatch="////", lw=0)
        )
        word = units.seconds(cell.time_s) if cell.summary else STATUS_WORDS[cell.result.status]
        background = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
        style: dict[str, Any] = {"ha": "center", "va": "center", "size": 7.5}
        axes.text(x + 0.5, y + 0.5, word, color=FAINT, bbox=background, **style)
        return
    scale_position = position(cell.speedup)
    axes.add_patch(Rectangle(**frame, facecolor=COLOURS((scale_position + 1) / 2), lw=0))
    axes.text(
        x + 0.5,
        y + 0.5,
        f"{units.times(cell.speedup)}{' ?' if cell.is_disturbed else ''}",
        color="white" if abs(scale_position) > _DARK_FROM else INK,
        weight="bold" if is_winner else "normal",
        size=8.5,
        ha="center",
        va="center",
    )
    if cell.is_disturbed:
        axes.add_patch(Rectangle(**frame, facecolor="none", edgecolor=INK, hatch="....", lw=0))
    if is_winner:
        axes.add_patch(Rectangle(**frame, facecolor="none", edgecolor=INK, lw=1.4))


def _colour_bar(figure: Figure) -> None:
    width_in, height_in = figure.get_size_inches()
    bar_in = min(6.0, width_in - 1)
    frame = ((width_in - bar_in) / 2 / width_in, 0.55 / height_in, bar_in / width_in)
    axes = figure.add_axes((*frame, 0.12 / height_in))
    scale = ScalarMappable(Normalize(-1, 1), COLOURS)
    ticks = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8]
    names = dict(zip(ticks, ("≤ ⅛×", "¼×", "½×", "1×", "2×", "4×", "≥ 8×"), strict=True))
    labels = {position(tick): name for tick, name in names.items()}
    bar = figure.colorbar(
        scale,
        cax=axes,
        orientation="horizontal",
        ticks=FixedLocator(list(labels)),
        format=FuncFormatter(lambda value, _: labels.get(value, "")),
    )
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    bar.set_label(
        "reference time / own time (logarithmic) · framed: fastest beyond its interval"
        " · hatched: no valid time · dotted, ?: disturbed",
        color=FAINT,
        size=8,
    )
