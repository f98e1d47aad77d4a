"""The roofline: what each cell reached under the machine's measured ceilings.

Williams, Waterman, Patterson: "Roofline", CACM 52(4), 2009. Filled marks count the direct sum's
operations, hollow ones the operations really executed; only hollow marks are bound by the roof.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.matrix import Matrix, MatrixCell
from reports.plots.style import (
    FAINT,
    INK,
    MOST_SCENARIOS,
    heading,
    legend,
    machine_line,
    plain_log_axis,
    scatter_figure,
    shown,
)
from suite.results.cell import Ceiling


def draw(matrix: Matrix, manifest: dict[str, Any]) -> Figure | None:
    """Draw the roofline; None when no passed cell knows the machine's ceilings."""
    part = matrix.most_telling(MOST_SCENARIOS)
    cells = [cell for cell in part.passed if cell.result.ceiling and _intensity(cell) > 0]
    if not cells:
        return None
    figure, axes = scatter_figure(len(part.implementations))
    _draw_cells(axes, part, cells)
    plain_log_axis(axes, "x")
    plain_log_axis(axes, "y")
    intensities = [_intensity(cell) for cell in cells]
    ceilings = Counter(cell.result.ceiling for cell in cells if cell.result.ceiling)
    ceiling, count = ceilings.most_common(1)[0]
    left = min(*intensities, ceiling.peak_flops_per_s / ceiling.cache_bytes_per_s / 8) / 2
    right = max(*intensities, 2 * ceiling.peak_flops_per_s / ceiling.memory_bytes_per_s) * 2
    _draw_roof(axes, ceiling, left, right)
    axes.set_xlim(left, right)
    axes.set_xlabel("operations of the direct sum per byte that must move (FLOP/byte, logarithmic)")
    axes.set_ylabel("GFLOP/s (logarithmic)")
    legend(axes, len(part.implementations), "lower right")
    remark = f" · roof of {count} of {len(cells)} cells" if len(ceilings) > 1 else ""
    heading(
        figure,
        "Roofline: filled counts the direct sum, hollow what was executed",
        f"{shown(len(part.scenarios), len(matrix.scenarios))} · {machine_line(manifest)}{remark}",
    )
    return figure


def _intensity(cell: MatrixCell) -> float:
    scenario = cell.result.scenario
    return scenario.problem.direct_flops / scenario.least_bytes if scenario.least_bytes else 0.0


def _draw_cells(axes: Axes, matrix: Matrix, cells: list[MatrixCell]) -> None:
    for name in matrix.implementations:
        own = [cell for cell in cells if cell.result.implementation == name]
        if not own:
            continue
        row = matrix.look(name)
        look: dict[str, Any] = {"marker": row.mark.matplotlib, "s": 34, "zorder": 3}
        colour = row.colour
        direct = [(_intensity(c), c.summary.gflops) for c in own if c.summary]
        axes.scatter(*zip(*direct, strict=True), color=colour, lw=0, label=name, **look)
        executed = [
            (_intensity(c), c.summary.executed_gflops)
            for c in own
            if c.summary and c.summary.executed_gflops and differs(c)
        ]
        if executed:
            intensities, rates = zip(*executed, strict=True)
            axes.scatter(intensities, rates, facecolors="none", edgecolors=colour, lw=1.1, **look)


def differs(cell: MatrixCell) -> bool:
    """Return whether the executed operations are visibly others than the direct sum's."""
    executed = cell.result.executed_flops
    direct = cell.result.scenario.problem.direct_flops
    return executed is not None and abs(executed - direct) > 0.02 * direct


def _draw_roof(axes: Axes, ceiling: Ceiling, left: float, right: float) -> None:
    peak = ceiling.peak_flops_per_s / 1e9
    for bytes_per_s, dashes, name in (
        (ceiling.memory_bytes_per_s, "-", "copy from memory"),
        (ceiling.cache_bytes_per_s, ":", "copy from cache"),
    ):
        slope = bytes_per_s / 1e9
        knee = min(max(peak / slope, left), right)
        axes.plot([left, knee], [left * slope, knee * slope], color=INK, lw=1.3, ls=dashes)
        axes.text(
            left * 1.5,
            left * 1.5 * slope * 1.2,
            f"{name} {slope:.3g} GB/s",
            size=8,
            color=FAINT,
            rotation=math.degrees(math.atan(1.2 * slope)),  # along the line, in the data's terms
            rotation_mode="anchor",
            transform_rotates_text=True,
        )
    knee = min(max(ceiling.peak_flops_per_s / ceiling.cache_bytes_per_s, left), right)
    axes.plot([knee, right], [peak, peak], color=INK, lw=1.3)
    axes.annotate(
        f"peak {peak:.3g} GFLOP/s",
        (knee, peak),
        xytext=(2, 5),
        textcoords="offset points",
        size=8,
        color=FAINT,
    )
