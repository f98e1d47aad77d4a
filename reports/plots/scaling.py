"""How time grows with one size: points with their intervals, and the fits through them."""

from __future__ import annotations

import itertools
import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from reports.layers import describe
from reports.matrix import Matrix
from reports.plots.style import (
    FAINT,
    INK,
    heading,
    machine_line,
    margins,
    new_figure,
    padded,
    plain_seconds,
    short,
)
from reports.series import Growth, Series
from reports.sweeps import Scaling, scalings
from suite.conditions import Scenario

MOST_PANELS = 4
MOST_EXPONENTS = 8
"""Exponents that fit into a panel's corner; the page has all."""
_STEPS = 12


def draw(matrix: Matrix, manifest: dict[str, Any]) -> Figure | None:
    """Draw the longest series of the size that varies most; None when none has three values."""
    caches = (manifest.get("machine") or {}).get("caches")
    sources = dict.fromkeys(scenario.source for scenario in matrix.scenarios)
    candidates = [scaling for source in sources for scaling in scalings(matrix, source, caches)]
    if not candidates:
        return None
    scaling = max(candidates, key=lambda s: max(len(series.scenarios) for series in s.series))
    ranked = sorted(scaling.series, key=lambda series: -len(series.scenarios))[:MOST_PANELS]
    columns = min(2, len(ranked))
    rows = math.ceil(len(ranked) / columns)
    figure = new_figure(5.6 * columns + 0.9, 3.7 * rows + 1.3)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    margins(figure, left_in=0.9, bottom_in=0.95, top_in=0.95)
    figure.subplots_adjust(hspace=0.38, wspace=0.22)
    for axes, series in zip(panels, ranked, strict=False):
        _draw_series(axes, matrix, scaling, series)
    for axes in panels[len(ranked) :]:
        axes.set_visible(False)
    names = {name: axis for axes in panels for axis, name in zip(*_entries(axes), strict=True)}
    figure.legend(
        names.values(), names.keys(), loc="lower left", ncols=6, fontsize=8, frameon=False
    )
    total = len(scaling.series) + scaling.left_out
    heading(
        figure,
        f"How time grows with the {scaling.axis}",
        "lines: fits of a + b·work^p, p with its 95 % interval; dotted: no fit says p · "
        f"{len(ranked)} of {total} series of {short(scaling.source)} · {machine_line(manifest)}",
    )
    return figure


def _entries(axes: Axes) -> tuple[list[Any], list[str]]:
    handles, labels = axes.get_legend_handles_labels()
    return list(handles), [str(label).partition(" p ")[0] for label in labels]


def _draw_series(axes: Axes, matrix: Matrix, scaling: Scaling, series: Series) -> None:
    scenarios = {s.id: s for s in matrix.scenarios if s.id in series.scenarios}
    growths = {growth.implementation: growth for growth in series.growths}
    drawn_s: list[float] = []
    exponents = []
    for name in matrix.implementations:
        cells = [matrix.cells.get((identity, name)) for identity in series.scenarios]
        passed = [(c.result.scenario, c.summary.time_s) for c in cells if c and c.summary]
        if not passed:
            continue
        sizes = [scaling.sizes[scenario.id] for scenario, _ in passed]
        values = [time_s.value for _, time_s in passed]
        ends = [[t.value - (t.low or t.value) for _, t in passed]]
        ends.append([(t.high or t.value) - t.value for _, t in passed])
        row = matrix.look(name)
        look: dict[str, Any] = {"color": row.colour, "marker": row.mark.matplotlib}
        axes.errorbar(sizes, values, ends, ls="", ms=5, elinewidth=1, capsize=2, label=name, **look)
        drawn_s += values
        growth = growths.get(name)
        if growth and growth.low is not None:
            members = [scenarios[scenario.id] for scenario, _ in passed]
            axes.plot(*_line(growth, scaling, members), color=row.colour, lw=1.3)
            exponents.append(f"{short(name, 18)} {_power(growth)}")
        else:
            axes.plot(sizes, values, color=row.colour, lw=0.8, ls=":")
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({scaling.sizes[identity] for identity in series.scenarios})
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=9))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain_seconds(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if drawn_s:
        axes.set_ylim(padded(drawn_s))
    axes.set_xlabel(f"{scaling.axis} (logarithmic)", color=FAINT)
    axes.set_ylabel("time per call (logarithmic)", color=FAINT)
    first = scenarios[series.scenarios[0]]
    axes.set_title(f"from {describe(first.problem)}", size=9, loc="left")
    axes.text(
        0.02,
        0.98,
        "\n".join(exponents[:MOST_EXPONENTS] + (["…"] if len(exponents) > MOST_EXPONENTS else [])),
        transform=axes.transAxes,
        va="top",
        size=6.5,
        color=INK,
        zorder=5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2},
    )


def _power(growth: Growth) -> str:
    return f"p {growth.power:.2f} ({growth.low:.2f} to {growth.high:.2f})"


def _line(
    growth: Growth, scaling: Scaling, members: list[Scenario]
) -> tuple[list[float], list[float]]:
    """Return sizes and fitted times, at steps between the sizes that were measured too."""
    points = [(float(scaling.sizes[m.id]), float(m.problem.direct_flops)) for m in members]
    steps = [
        (size * (next_size / size) ** share, work * (next_work / work) ** share)
        for (size, work), (next_size, next_work) in itertools.pairwise(points)
        for share in (step / _STEPS for step in range(_STEPS))
    ]
    steps.append(points[-1])
    times_s = [
        growth.fixed_s + growth.growing_s * (work / growth.unit_flops) ** growth.power
        for _, work in steps
    ]
    return [size for size, _ in steps], times_s
