"""The picture of `demo`: a photograph and what the filters make of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from suite.errors import UsageError

Plane = NDArray[np.float32]


def write(grey: Plane, planes: Sequence[Plane], titles: Sequence[str], out: Path) -> Path:
    """Write the input and the filtered planes side by side as PNG."""
    figure = Figure(figsize=(3.2 * (len(planes) + 1), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, plane, title in zip(
        figure.subplots(1, len(planes) + 1), (grey, *planes), ("Input", *titles), strict=True
    ):
        signed = float(plane.min()) < -0.1
        limit = float(np.abs(plane).max())
        axes.imshow(
            plane,
            cmap="RdBu_r" if signed else "gray",
            vmin=-limit if signed else 0,
            vmax=limit if signed else 1,
        )
        axes.set_title(title, fontsize=11)
        axes.set_axis_off()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, dpi=120)
    except (OSError, ValueError) as error:
        raise UsageError(f"{out}: cannot be written: {error}; choose --out FILE.png") from error
    return out
