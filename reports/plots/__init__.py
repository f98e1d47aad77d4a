"""plots/: the pictures for papers and READMEs, each as PNG and SVG, drawn with matplotlib."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reports.matrix import Matrix
from reports.page.encoding import spelled
from reports.plots import (
    crossover_map,
    error_speed,
    heat_map,
    memory,
    network_totals,
    phases,
    roofline,
    scaling,
    times,
)
from reports.plots.style import save, styled
from suite.printable import printable
from suite.results.cell import CellResult
from suite.results.folder import Run
from suite.results.inside import folder_inside

FOLDER = "plots"
PICTURES = {
    "speedup_heat_map": heat_map.draw,
    "times": times.draw,
    "error_against_speed": error_speed.draw,
    "roofline": roofline.draw,
    "crossover_map": crossover_map.draw,
    "scaling": scaling.draw,
    "network_totals": network_totals.draw,
    "memory": memory.draw,
}
"""File stem → the function that draws it, or returns None where the run has nothing for it."""

MOST_IMPLEMENTATIONS = 60
"""Beyond, a picture has no room for their names."""

__all__ = ["FOLDER", "PICTURES", "write"]


def write(run: Run, out: Path) -> Path:
    """Write every picture that the run has data for into `out`/plots; returns that folder."""
    run = _with_plain_names(run)
    matrix = Matrix.of(run).with_few_implementations(MOST_IMPLEMENTATIONS)
    folder = folder_inside(out, FOLDER)
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


def _with_plain_names(run: Run) -> Run:
    """Return the run with the controls in its names spelled out: an SVG cannot hold them."""

    def plain(result: CellResult) -> CellResult:
        scenario = replace(
            result.scenario,
            id=printable(result.scenario.id),
            source=printable(result.scenario.source),
        )
        return replace(
            result,
            scenario=scenario,
            implementation=printable(result.implementation),
            reference=printable(result.reference),
        )

    profiles = {
        key: replace(
            profile,
            scenario=printable(profile.scenario),
            implementation=printable(profile.implementation),
        )
        for key, profile in run.profiles.items()
    }
    return replace(
        run,
        manifest=spelled(run.manifest),
        results=tuple(map(plain, run.results)),
        profiles={profile.key: profile for profile in profiles.values()},
    )
