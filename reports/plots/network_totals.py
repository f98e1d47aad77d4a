"""Time of all convolutions in one pass of a network, by implementation and for the best mix."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reports import units
from reports.matrix import Matrix
from reports.networks import Network, Total, networks
from reports.palette import SERIES
from reports.plots.style import (
    FAINT,
    INK,
    heading,
    machine_line,
    margins,
    new_figure,
    seconds_axis,
    short,
    text_width_in,
)

MOST_NETWORKS = 4
_BAR_IN = 0.27


def draw(matrix: Matrix, manifest: dict[str, Any]) -> Figure | None:
    """Draw one panel a network; None when no file is a network."""
    drawable = [network for network in networks(matrix) if _totals(network)][:MOST_NETWORKS]
    if not drawable:
        return None
    heights = [len(_totals(network)) for network in drawable]
    names_in = text_width_in((short(t.name) for n in drawable for t in n.totals), size=8) + 0.3
    figure = new_figure(names_in + 6.2, sum(heights) * _BAR_IN + 0.75 * len(drawable) + 1.45)
    panels = figure.subplots(len(drawable), 1, squeeze=False, height_ratios=heights).ravel()
    margins(figure, left_in=names_in, bottom_in=0.95, right_in=0.9, top_in=1.1)
    figure.subplots_adjust(hspace=0.9 * len(drawable) / max(1, sum(heights) * _BAR_IN))
    for axes, network in zip(panels, drawable, strict=True):
        _draw_network(axes, network)
    panels[-1].set_xlabel("time of all convolutions in one pass (logarithmic)", color=FAINT)
    figure.legend(
        [
            Patch(facecolor=SERIES[0]),
            Patch(facecolor="white", edgecolor=SERIES[0], hatch="////"),
        ],
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


def _draw_network(axes: Axes, network: Network) -> None:
    totals = _totals(network)
    seconds_axis(axes)
    times_s = [total.filled_s for total in totals if total.filled_s is not None]
    left_s = 10 ** math.floor(math.log10(min(times_s)) - 0.2)
    for y, total in enumerate(totals):
        assert total.filled_s is not None
        is_whole = total.time_s is not None
        look: dict[str, Any] = (
            {"color": SERIES[0], "lw": 0}
            if is_whole
            else {"facecolor": "white", "edgecolor": SERIES[0], "hatch": "////", "lw": 0.8}
        )
        axes.barh(y, total.filled_s - left_s, left=left_s, height=0.7, **look)
        end_s = total.filled_s
        if is_whole and total.low_s is not None and total.high_s is not None:
            axes.plot([max(total.low_s, left_s), total.high_s], [y, y], color=INK, lw=1.3)
            end_s = total.high_s
        mark = " disturbed" if total.disturbed_layers else ""
        label = f"{units.seconds(total.filled_s)}{mark}"
        axes.text(end_s * 1.08, y, label, size=8, va="center")
    axes.set_yticks(range(len(totals)), [short(total.name) for total in totals], size=8)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(len(totals) - 0.4, -0.6)
    axes.set_xlim(left_s, max(times_s) * 4)
    axes.grid(visible=False, axis="y")
    axes.set_title(
        f"{short(network.name)}: {network.layers} layers, {network.calls} convolutions",
        size=9,
        loc="left",
    )
