"""plots/: the pictures for papers and READMEs, each as PNG and SVG, drawn with matplotlib."""

from __future__ import annotations

from pathlib import Path

from reports.matrix import Matrix
from reports.plots import (
    crossover_map,
    error_speed,
    heat_map,
    memory,
    network_totals,
    phases,
    roofline,
    scaling,
    time_bars,
)
from reports.plots.style import save, styled
from suite.results.folder import Run

FOLDER = "plots"
PICTURES = {
    "speedup_heat_map": heat_map.draw,
    "time_bars": time_bars.draw,
    "error_against_speed": error_speed.draw,
    "roofline": roofline.draw,
    "crossover_map": crossover_map.draw,
    "scaling": scaling.draw,
    "network_totals": network_totals.draw,
    "memory": memory.draw,
}
"""File stem → the function that draws it, or returns None where the run has nothing for it."""

__all__ = ["FOLDER", "PICTURES", "write"]


def write(run: Run, out: Path) -> Path:
    """Write every picture that the run has data for into `out`/plots; returns that folder."""
    matrix = Matrix.of(run)
    folder = out / FOLDER
    with styled():
        for stem, draw in PICTURES.items():
            for suffix in ("png", "svg"):
                (folder / f"{stem}.{suffix}").unlink(missing_ok=True)
            figure = draw(matrix, run.manifest)
            if figure is not None:
                save(figure, folder, stem)
        if run.profiles and (figure := phases.draw(run)):
            save(figure, folder, "phases")
    return folder
