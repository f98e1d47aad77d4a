"""Time of all convolutions in one pass of a network, by implementation and for the best mix.

The axis is linear and begins at zero, so that a bar twice as long is twice the time. What is many
times slower than the rest would leave them no room: its bar is cut, and says so.
"""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports import units
from reports.matrix import Matrix
from reports.networks import BEST_MIX, Network, Total, networks
from reports.plots.style import (
    FAINT,
    INK,
    heading,
    machine_line,
    margins,
    new_figure,
    plain_seconds,
    short,
    text_width_in,
)

MOST_NETWORKS = 4
_BAR_IN = 0.27
_LABEL_SHARE = 0.3
"""Of the axis, to the right of the longest bar, for its time in words."""


def draw(matrix: Matrix, manifest: dict[str, Any]) -> Figure | None:
    """Draw one panel a network; None when no file is a network."""
    drawable = [network for network in networks(matrix) if _totals(network)][:MOST_NETWORKS]
    if not drawable:
        return None
    heights = [len(_totals(network)) for network in drawable]
    names_in = text_width_in((short(t.name) for n in drawable for t in n.totals), size=8) + 0.3
    figure = new_figure(names_in + 6.2, sum(heights) * _BAR_IN + 0.75 * len(drawable) + 1.45)
    panels = figure.subplots(len(drawable), 1, squeeze=False, height_ratios=heights).ravel()
    margins(figure, left_in=names_in, bottom_in=0.95, right_in=0.3, top_in=1.1)
    figure.subplots_adjust(hspace=0.9 * len(drawable) / max(1, sum(heights) * _BAR_IN))
    for axes, network in zip(panels, drawable, strict=True):
        _draw_network(axes, matrix, network)
    panels[-1].set_xlabel("time of all convolutions in one pass", color=FAINT)
    figure.legend(
        [Patch(facecolor=FAINT), Patch(facecolor="white", edgecolor=FAINT, hatch="////")],
        ["passed in every layer, 95 % interval", "where it passed, the reference elsewhere"],
        loc="lower left",
        fontsize=7.5,
        ncols=2,
        frameon=False,
    )
    heading(
        figure, "Whole networks", f"each layer by how often it occurs · {machine_line(manifest)}"
    )
    return figure


def _totals(network: Network) -> list[Total]:
    known = [total for total in network.totals if total.filled_s is not None]
    return sorted(known, key=lambda total: total.filled_s or math.inf)


def _draw_network(axes: Axes, matrix: Matrix, network: Network) -> None:
    totals = _totals(network)
    for y, total in enumerate(totals):
        _draw_total(axes, matrix, y, total, network.axis_s)
    axes.set_yticks(range(len(totals)), [short(total.name) for total in totals], size=8)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(len(totals) - 0.4, -0.6)
    axes.set_xlim(0, network.axis_s * (1 + _LABEL_SHARE))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axes.grid(visible=False, axis="y")
    axes.set_title(
        f"{short(network.name)}: {network.layers} layers, {network.calls} convolutions",
        size=9,
        loc="left",
    )


def _draw_total(axes: Axes, matrix: Matrix, y: int, total: Total, axis_s: float) -> None:
    assert total.filled_s is not None
    row = None if total.name == BEST_MIX else matrix.look(total.name)
    colour = INK if row is None else row.colour
    is_whole = total.time_s is not None
    look: dict[str, Any] = (
        {"color": colour, "lw": 0}
        if is_whole
        else {"facecolor": "white", "edgecolor": colour, "hatch": "////", "lw": 0.8}
    )
    end_s = min(total.filled_s, axis_s)
    axes.barh(y, end_s, height=0.7, **look)
    is_cut = total.filled_s > axis_s
    if is_cut:  # two white strokes through its end
        for share in (0.955, 0.975):
            ends = [axis_s * share, axis_s * (share + 0.008)]
            axes.plot(ends, [y + 0.45, y - 0.45], color="white", lw=2)
    elif is_whole and total.low_s is not None and total.high_s is not None:
        axes.plot([max(total.low_s, 0), total.high_s], [y, y], color=FAINT, lw=3.2)
        axes.plot([max(total.low_s, 0), total.high_s], [y, y], color="white", lw=1.2)
        end_s = max(end_s, total.high_s)
    if row is not None:
        mark = row.mark.matplotlib
        axes.plot(axis_s * 0.012, y, ls="", ms=5, mew=0.8, marker=mark, mfc=colour, mec="white")
    words = [units.seconds(total.filled_s)]
    words += ["(cut)"] if is_cut else []
    words += ["disturbed"] if total.disturbed_layers else []
    axes.text(end_s + 0.012 * axis_s, y, " ".join(words), size=8, va="center")


def _tick(value_s: float) -> str:
    return "0" if value_s == 0 else plain_seconds(value_s)
