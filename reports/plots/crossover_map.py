"""Which implementation is fastest by kernel size and channels, and by how much."""

from __future__ import annotations

from typing import Any

from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reports.matrix import Matrix
from reports.plots.style import FAINT, INK, heading, machine_line, margins, new_figure, short
from reports.sweeps import Slot, crossover, no_winner
from reports.units import times

_CELL_IN = (1.15, 0.5)


def draw(matrix: Matrix, manifest: dict[str, Any]) -> Figure | None:
    """Draw the map of the file with most squares; None when no file is a sweep."""
    maps = {s.source: crossover(matrix, s.source) for s in matrix.scenarios}
    source, slots = max(maps.items(), key=lambda entry: len(entry[1]), default=("", []))
    if not slots:
        return None
    kernels = sorted({slot.kernel for slot in slots})
    channels = sorted({slot.channels for slot in slots})
    width_in, height_in = len(channels) * _CELL_IN[0], len(kernels) * _CELL_IN[1]
    figure = new_figure(max(width_in + 1.2, 7.6), height_in + 1.8)
    axes = figure.add_subplot()
    right_in = max(0.2, 7.6 - width_in - 1.0)
    margins(figure, left_in=1.0, bottom_in=0.85, right_in=right_in, top_in=0.95)
    for slot in slots:
        x, y = channels.index(slot.channels), kernels.index(slot.kernel)
        colour = FAINT if slot.winner is None else matrix.look(slot.winner).colour
        frame = Rectangle((x + 0.03, y + 0.05), 0.94, 0.9)
        frame.set(facecolor=to_rgba(colour, 0.2), edgecolor=colour, lw=1.2)
        axes.add_patch(frame)
        style: dict[str, Any] = {"ha": "center", "va": "center"}
        middle = x + 0.5
        if slot.winner is not None:
            mark = matrix.look(slot.winner).mark.matplotlib
            axes.plot(x + 0.11, y + 0.7, ls="", ms=4.5, mew=0, color=colour, marker=mark)
        axes.text(middle, y + 0.36, short(slot.winner or no_winner(slot), 16), size=8.5, **style)
        axes.text(middle, y + 0.7, _lead(slot), size=7, color=FAINT, **style)
    axes.set_xlim(0, len(channels))
    axes.set_ylim(len(kernels), 0)
    axes.set_xticks([x + 0.5 for x in range(len(channels))], [str(count) for count in channels])
    axes.set_yticks([y + 0.5 for y in range(len(kernels))], [f"{k}×{k}" for k in kernels])
    axes.tick_params(length=0, labelcolor=INK)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("input channels", color=FAINT)
    axes.set_ylabel("kernel size", color=FAINT)
    heading(
        figure,
        f"Fastest by kernel size and channels: {short(source)}",
        f"geometric mean over a square's scenarios · {machine_line(manifest)}",
    )
    return figure


def _lead(slot: Slot) -> str:
    if slot.winner is None:
        return ""
    return "alone" if slot.margin is None else f"{times(slot.margin)} ahead"
