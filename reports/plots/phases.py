"""Where the time goes: the share of each marked phase by implementation, as stacked bars."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from reports import units
from reports.palette import PARTS
from reports.plots.style import (
    FAINT,
    INK,
    heading,
    machine_line,
    margins,
    new_figure,
    short,
    text_width_in,
)
from suite.phases import NAMES
from suite.results.folder import Run
from suite.results.profile import CellProfile

MOST_BARS = 60
_BAR_IN = 0.26
_LOOKS = dict(
    zip(
        (*NAMES, "unmarked"),
        zip(
            (PARTS[index] for index in (4, 0, 1, 2, 3, 6)),
            ("..", "", "//", "\\\\", "xx", ""),
            strict=True,
        ),
        strict=True,
    )
)
"""Phase → colour and hatch; the hatch says the same as the colour."""
LEAST_LABEL = 0.06


def draw(run: Run) -> Figure | None:
    """Draw the bars of all cells with marks; None when none was profiled."""
    marked = [
        profile
        for result in run.results
        if (profile := run.profiles.get(result.key)) and profile.phases and profile.phases.phases_s
    ]
    if not marked:
        return None
    shown = marked[:MOST_BARS]
    names = [short(f"{profile.scenario} × {profile.implementation}", 46) for profile in shown]
    left_in = text_width_in(names, 8) + 0.3
    figure = new_figure(left_in + 6.6, len(shown) * _BAR_IN + 1.9)
    axes = figure.add_subplot()
    margins(figure, left_in=left_in, bottom_in=0.6, right_in=0.3, top_in=1.15)
    for y, profile in enumerate(shown):
        _draw_bar(axes, y, profile)
    axes.set_yticks(range(len(shown)), names, size=8)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, max(1.0, *(_total(profile) for profile in shown)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.set_xlabel("share of the unprofiled time of a call", color=FAINT)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    handles = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=name)
        for name, (colour, hatch) in _LOOKS.items()
    ]
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=len(handles),
        fontsize=8,
        frameon=False,
        handlelength=1.6,
        columnspacing=1.2,
    )
    count = len(marked)
    title = f"{count} cells" if count <= MOST_BARS else f"the first {MOST_BARS} of {count} cells"
    heading(
        figure, "Where the time of a call goes, by phase", f"{title} · {machine_line(run.manifest)}"
    )
    return figure


def _total(profile: CellProfile) -> float:
    return profile.phases.total_share if profile.phases else 0.0


def _draw_bar(axes: Any, y: int, profile: CellProfile) -> None:
    assert profile.phases is not None
    left = 0.0
    shares = {name: profile.phases.share(name) or 0.0 for name in NAMES}
    shares["unmarked"] = profile.phases.unmarked_share
    for name, share in shares.items():
        colour, hatch = _LOOKS[name]
        axes.barh(
            y, share, left=left, height=0.78, color=colour, hatch=hatch, edgecolor="white", lw=0.4
        )
        if share >= LEAST_LABEL:
            axes.text(
                left + share / 2,
                y,
                units.percent(share),
                ha="center",
                va="center",
                size=7,
                color=INK,
                bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 0.8},
            )
        left += share
