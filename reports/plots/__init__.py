"""plots/: the pictures for papers and READMEs, each as PNG and SVG, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from reports.matrix import Matrix
from reports.page.encoding import spelled
from reports.parts import Part
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

AT_TIMES = ("crossover_map", "scaling", "network_totals")
"""Those for which a run needs sweeps, or layers that occur several times."""
WEIGHTS = {
    "crossover_map": 0.5,
    "scaling": 2.0,
    "network_totals": 0.3,
    "speedup_heat_map": 1.4,
    "times": 1.2,
    "error_against_speed": 0.5,
    "roofline": 0.4,
    "memory": 0.9,
}
"""About how long each takes, in any unit."""

MOST_IMPLEMENTATIONS = 60
"""Beyond, a picture has no room for their names."""

__all__ = ["FOLDER", "PICTURES", "write", "write_in_parts"]


def write(run: Run, out: Path) -> Path:
    """Write every picture that the run has data for into `out`/plots; returns that folder."""
    for _ in write_in_parts(run, out):
        pass
    return folder_inside(out, FOLDER)


def write_in_parts(run: Run, out: Path) -> Generator[Part, None, Path]:
    """Write them one by one, and tell of each; returns the folder.

    Those that not every run has something for come first: how long the rest takes is then known.
    """
    run = _with_plain_names(run)
    matrix = Matrix.of(run).with_few_implementations(MOST_IMPLEMENTATIONS)
    folder = folder_inside(out, FOLDER)
    weights = {stem: WEIGHTS.get(stem, 1.0) for stem in PICTURES}
    total = sum(weights.values())
    with styled():
        for stem in sorted(PICTURES, key=lambda stem: stem not in AT_TIMES):
            for suffix in ("png", "svg"):
                (folder / f"{stem}.{suffix}").unlink(missing_ok=True)
            figure = PICTURES[stem](matrix, run.manifest)
            if figure is not None:
                save(figure, folder, stem)
            yield Part(weights[stem] / total, is_there=figure is not None)
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
