"""What a line says of a run: its folder, its date, of which code and with which versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suite.results.revisions import revisions
from suite.results.timed import TimedRun

VERSIONS = ("torch", "numba", "triton", "cuda", "python")
"""Those of a manifest's "machine" that its times may depend on."""


def date(run: TimedRun) -> str:
    """Return when it began, to the minute, in the time of the machine that ran it."""
    return str(run.manifest.get("started_at") or "")[:16].replace("T", " ")


def day(run: TimedRun) -> str:
    return date(run)[:10]


def versions(run: TimedRun) -> dict[str, str]:
    """Return the version of each thing that is known of the run."""
    machine: Mapping[str, Any] = run.manifest.get("machine") or {}
    known = {"ConvGauge": run.manifest.get("convgauge_version")}
    known |= {name: machine.get(name) for name in VERSIONS}
    return {name: str(version) for name, version in known.items() if version}


def code(run: TimedRun) -> list[str]:
    """Return the revisions that it is of, those of its plug-ins first."""
    return [revision.words for revision in revisions(run.manifest)]


def described(run: TimedRun, than: TimedRun | None = None) -> str:
    """Return a run in a line.

    Args:
        than: the run of the line before: versions that it has, too, are left out.
    """
    shared = versions(than) if than else {}
    told = [
        f"{name} {version}"
        for name, version in versions(run).items()
        if shared.get(name) != version
    ]
    return ", ".join(filter(None, [f"{run.folder}", date(run), *code(run), *told]))
