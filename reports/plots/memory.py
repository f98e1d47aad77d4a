"""Memory of one call: what was measured, the formula, and the tensors themselves."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from reports import units
from reports.matrix import Matrix
from reports.plots.style import (
    FAINT,
    INK,
    heading,
    machine_line,
    margins,
    new_figure,
    padded,
    short,
    shown,
    text_width_in,
)

MOST_ROWS = 40
_ROW_IN = 0.3


def draw(matrix: Matrix, manifest: dict[str, Any]) -> Figure | None:
    """Draw one row a scenario; None when no passed cell knows its memory."""
    part = matrix.most_telling(MOST_ROWS)
    measured = [cell for cell in part.passed if cell.result.peak_bytes]
    if not measured:
        return None
    names = [short(scenario.id, 46) for scenario in part.scenarios]
    left_in = text_width_in(names, size=8) + 0.3
    figure = new_figure(left_in + 8.4, len(names) * _ROW_IN + 1.9)
    axes = figure.add_subplot()
    margins(figure, left_in=left_in, bottom_in=0.65, right_in=1.9, top_in=0.85)
    values = [float(scenario.least_bytes or 1) for scenario in part.scenarios]
    for y, scenario in enumerate(part.scenarios):
        axes.plot([scenario.least_bytes or 1] * 2, [y - 0.38, y + 0.38], color=INK, lw=2)
    for name in part.implementations:
        row = part.look(name)
        look: dict[str, Any] = {"marker": row.mark.matplotlib, "s": 42, "zorder": 3}
        colour = row.colour
        for y, scenario in enumerate(part.scenarios):
            cell = part.cells.get((scenario.id, name))
            if cell is None or cell.summary is None:
                continue
            if peak := cell.result.peak_bytes:
                axes.scatter(peak, y, color=colour, lw=0, alpha=0.9, **look)
                values.append(peak)
            if workspace := cell.result.workspace_bytes:
                axes.scatter(workspace, y, facecolors="none", edgecolors=colour, lw=1.1, **look)
                values.append(workspace)
    axes.set_xscale("log", base=2)
    axes.set_xlim(padded(values))
    axes.xaxis.set_major_locator(LogLocator(2, numticks=9))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain_bytes(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(names)), names, size=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_xlabel("bytes (logarithmic)", color=FAINT)
    axes.legend(handles=_legend(part), fontsize=7.5, frameon=False, bbox_to_anchor=(1.01, 1.0))
    heading(
        figure,
        "Memory of one call at its high-water mark, output included",
        f"{shown(len(part.scenarios), len(matrix.scenarios))} · {machine_line(manifest)}",
    )
    return figure


def _plain_bytes(value: float) -> str:
    return units.bytes_(value).replace(".00", "").replace(".0 ", " ")


def _legend(matrix: Matrix) -> list[Line2D]:
    plain: dict[str, Any] = {"ls": "", "ms": 6}
    entries = [
        Line2D([], [], color=INK, marker="|", mew=2, ls="", ms=9, label="input, weight, output"),
        Line2D([], [], color=FAINT, marker="o", label="filled: measured", **plain),
        Line2D([], [], color=FAINT, marker="o", mfc="none", label="hollow: formula", **plain),
    ]
    for name in matrix.implementations:
        row = matrix.look(name)
        mark: dict[str, Any] = {"color": row.colour, "marker": row.mark.matplotlib, "mew": 0}
        entries.append(Line2D([], [], label=short(name, 22), **mark, **plain))
    return entries
