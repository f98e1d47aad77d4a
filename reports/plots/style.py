"""What all pictures share: type, colours, axes in readable units, saving."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from reports import units
from reports.palette import MOST_LABELS
from suite.counted import counted
from suite.results.inside import write_whole

MOST_SCENARIOS = 60
MOST_PIXELS = 20_000
"""Along a side of a picture; matplotlib itself gives up at 65,536."""
_SIDE_IN = 2.2
INK, FAINT, RULE = "#1f2328", "#59636e", "#d8dee4"

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,  # a "$" in a scenario's name is no formula
    "svg.hashsalt": "convgauge",
    "svg.fonttype": "none",
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the house style, leaving matplotlib's own settings as they were."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # A name may hold characters that the font lacks; a box in the picture is enough.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    return Figure(figsize=(width_in, height_in), dpi=150)


def margins(
    figure: Figure, *, left_in: float, bottom_in: float, right_in: float = 0.2, top_in: float = 0.75
) -> None:
    """Set the room around the axes, in inches.

    matplotlib's own layout engines draw everything once more to find it: with 60 scenarios that
    doubles the time.
    """
    width_in, height_in = figure.get_size_inches()
    figure.subplots_adjust(
        left=left_in / width_in,
        right=1 - right_in / width_in,
        bottom=bottom_in / height_in,
        top=1 - top_in / height_in,
    )


def scatter_figure(names: int) -> tuple[Figure, Axes]:
    """Return a figure for one scatter plot, with room at the side for a long legend."""
    side_in = _SIDE_IN if names > MOST_LABELS else 0.2
    figure = new_figure(8.0 + side_in, 5.6)
    axes = figure.add_subplot()
    margins(figure, left_in=0.8, bottom_in=0.6, right_in=side_in)
    return figure, axes


def legend(axes: Axes, names: int, corner: Literal["upper left", "lower right"]) -> None:
    """Put a legend of `names` entries into a corner, or beside the axes where it is long."""
    if names > MOST_LABELS:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), fontsize=7.5, frameon=False)
    else:
        columns = 2 if names > 4 else 1
        axes.legend(loc=corner, fontsize=8, ncols=columns, framealpha=0.85, edgecolor="none")


def text_width_in(texts: Iterable[str], size: float = 9) -> float:
    """Return about how wide the longest of `texts` is, in inches."""
    return max(map(len, texts), default=0) * size * 0.0087


def heading(figure: Figure, title: str, subtitle: str) -> None:
    """Put a bold title and a plain line under it at the top left."""
    width_in, height_in = figure.get_size_inches()
    left = 0.12 / width_in
    figure.text(left, 1 - 0.12 / height_in, title, size=13, weight="bold", va="top")
    figure.text(left, 1 - 0.38 / height_in, subtitle, size=9, color=FAINT, va="top")


def machine_line(manifest: dict[str, Any]) -> str:
    """Return "CPU, threads, torch, date", as far as the manifest knows them."""
    machine = manifest.get("machine") or {}
    settings = manifest.get("settings") or {}
    threads = settings.get("threads") or machine.get("threads")
    parts = [
        machine.get("gpu") or machine.get("cpu"),
        f"{threads} threads" if threads else None,
        f"torch {machine['torch']}" if machine.get("torch") else None,
        (manifest.get("started_at") or "")[:10],
    ]
    return ", ".join(str(part) for part in parts if part)


def shown(count: int, total: int) -> str:
    """Return the part of a title that owns up to scenarios left out."""
    if count == total:
        return counted(total, "scenario")
    return f"{count} of {total:,} scenarios, those in which the implementations differ most"


def short(name: str, most: int = 34) -> str:
    """Return a name that fits beside an axis: the middle gives way, ends tell names apart."""
    if len(name) <= most:
        return name
    head = most // 2
    return f"{name[:head]}…{name[head - most + 1 :]}"


def seconds_axis(axes: Axes) -> None:
    """Make x a logarithmic axis of seconds that reads "1 ms", "10 ms"."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10, numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: plain_seconds(value)))
    axes.xaxis.set_minor_locator(NullLocator())


def plain_seconds(value: float) -> str:
    """Return a round number of seconds without the zeros behind it: "20 ms"."""
    return units.seconds(value).replace(".00", "").replace(".0", "")


def padded(values: Iterable[float]) -> tuple[float, float]:
    """Return the ends of a logarithmic axis with room around `values`, be they all equal."""
    values = list(values)
    low, high = min(values), max(values)
    room = max(1.5, (high / low) ** 0.06)
    return low / room, high * room


def plain_log_axis(axes: Axes, which: str, suffix: str = "") -> None:
    """Make an axis logarithmic with plain numbers (0.1, 1, 10) and no minor labels."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis.set_major_locator(LogLocator(10, numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}{suffix}"))
    axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, folder: Path, stem: str) -> None:
    """Write a figure as PNG and SVG.

    Raises:
        UsageError: the folder cannot be written.
    """
    dpi = min(figure.dpi, MOST_PIXELS / max(figure.get_size_inches()))
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        picture = BytesIO()
        figure.savefig(picture, format=suffix, dpi=dpi, metadata=metadata)
        write_whole(folder / f"{stem}.{suffix}", picture.getvalue())
