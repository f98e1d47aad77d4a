"""The picture of `demo`: from the photograph to its edges, and how the families get there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from reports.demo_steps import Panel, Way
from suite.errors import UsageError

COLUMNS = 5
INCHES = 2.5
DPI = 90
SMALL = 6
"""Panels of no more rows and columns show their numbers."""


@dataclass(frozen=True)
class Original:
    """A photograph, and what it was made into before the first filter."""

    height: int
    width: int
    """As the file has it."""
    colour: NDArray[np.uint8]
    """Of shape (H, W, 3)."""
    grey: NDArray[np.float32]
    """From 0 to 1, of shape (H, W); smaller than the file's, perhaps."""


def write(
    original: Original,
    planes: Mapping[str, NDArray[np.float32]],
    ways: Sequence[Way],
    piece: tuple[int, int, int, int] | None,
    out: Path,
) -> Path:
    """Write the photograph, grey and filtered, and a row of steps for each way, as PNG.

    Args:
        planes: up to three filtered ones, by their titles.
        piece: row, column, height and width of what the steps are about, framed in the grey one.

    Raises:
        UsageError: the file cannot be written.
    """
    rows = 1 + len(ways)
    figure = Figure(figsize=(INCHES * COLUMNS, 1.2 * INCHES * rows))
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    figure.subplots_adjust(
        left=0.01, right=0.99, top=1 - 0.3 / rows / INCHES, bottom=0.01, wspace=0.06, hspace=0.22
    )
    for axes in grid.ravel():
        axes.set_axis_off()
    _photograph(grid[0], original, planes, piece)
    for axes, way in zip(grid[1:], ways, strict=True):
        _way(axes, way)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, dpi=DPI)
    except (OSError, ValueError) as error:
        raise UsageError(f"{out}: cannot be written: {error}; choose --out FILE.png") from error
    return out


def _photograph(
    axes: Sequence[Any],
    original: Original,
    planes: Mapping[str, NDArray[np.float32]],
    piece: tuple[int, int, int, int] | None,
) -> None:
    height, width = original.grey.shape
    is_shrunk = (height, width) != (original.height, original.width)
    axes[0].imshow(original.colour)
    axes[0].set_title(f"photograph, {original.height}×{original.width}", fontsize=9)
    caption = f"grey, shrunk to {height}×{width}" if is_shrunk else "grey"
    grey = np.asarray(original.grey, dtype=float)
    _panel(axes[1], Panel(caption, grey, signed=False, box=piece))
    for panel_axes, (title, plane) in zip(axes[2:], planes.items(), strict=False):
        values = np.asarray(plane, dtype=float)
        _panel(panel_axes, Panel(title, values, signed=float(values.min()) < -0.1))


def _way(axes: Sequence[Any], way: Way) -> None:
    title, _, rest = way.title.partition(": ")
    axes[0].text(0, 0.95, title, fontsize=12, weight="bold", va="top")
    axes[0].text(0, 0.78, rest, fontsize=10, va="top")
    axes[0].text(0, 0.62, _wrapped(way.sentence, 30), fontsize=9, va="top", color="0.3")
    for panel_axes, panel in zip(axes[1:], way.panels, strict=True):
        _panel(panel_axes, panel)


def _wrapped(text: str, width: int) -> str:
    import textwrap  # noqa: PLC0415

    return "\n".join(textwrap.wrap(text, width))


def _panel(axes: Any, panel: Panel) -> None:
    values = panel.values
    limit = float(np.nanmax(np.abs(values))) or 1.0
    low, high = (-limit, limit) if panel.signed else (0.0, max(limit, 1.0))
    axes.imshow(
        values,
        cmap="RdBu_r" if panel.signed else "gray",
        vmin=low,
        vmax=high,
        aspect="equal" if values.shape[1] < 4 * values.shape[0] else "auto",
        interpolation="nearest",
    )
    axes.set_title(panel.caption, fontsize=9)
    if max(values.shape) <= SMALL:
        for (row, column), value in np.ndenumerate(values):
            dark = abs(value) > 0.6 * limit
            axes.text(
                column,
                row,
                f"{value:.2g}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
    if panel.box:
        row, column, height, width = panel.box
        frame = Rectangle((column - 0.5, row - 0.5), width, height, fill=False, ec="C1", lw=2)
        axes.add_patch(frame)
