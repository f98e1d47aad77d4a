"""machines.html: one page over the runs of several machines that measured the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reports import units
from reports.machines.comparison import MachineRun, Machines
from reports.page import assets
from reports.page.templates import TEMPLATES, page_environment
from suite.results.inside import write_whole

FILE = "machines.html"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

__all__ = ["FILE", "MachineRun", "Machines", "render", "write"]


def write(runs: Sequence[MachineRun], out: Path, currency: str = "") -> Path:
    """Write machines.html into the folder `out`."""
    write_whole(out / FILE, render(runs, currency))
    return out / FILE


def render(runs: Sequence[MachineRun], currency: str = "") -> str:
    """Return the whole page; it runs no script and fetches nothing."""
    return (
        page_environment()
        .get_template("machines.html")
        .render(
            machines=Machines.of(runs),
            currency=currency,
            units=units,
            policy=POLICY,
            style=assets.own_style(TEMPLATES / "report.css"),
        )
    )
