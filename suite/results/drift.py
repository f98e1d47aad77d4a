"""Whether two runs of a model hold a row that shows how far runs drift apart by themselves."""

from __future__ import annotations

from typing import NamedTuple

from suite.results.folder import Run
from suite.workload import network_of


class Drift(NamedTuple):
    is_seen: bool
    """Whether the reference is the same code in both runs."""
    note: str = ""


def drift_of_model(base: Run, head: Run, assumed: float) -> Drift:
    """Return whether a run's reference shows how far two runs of a model drift apart.

    It is the model itself there: what it moved by is drift where its file and its sizes are as they
    were, and may be what is looked for where they are not.

    Args:
        assumed: share of a time that two runs drift apart by where nothing shows it.
    """
    if not any(network_of(cell.scenario) for cell in head.results):
        return Drift(is_seen=True)
    texts = [_text_of_model(run) for run in (base, head)]
    is_same = len({_work_of_model(run) for run in (base, head)}) == 1
    if texts[0] and texts[0] == texts[1] and is_same:
        return Drift(is_seen=True)
    why = "changed" if all(texts) else "is not known in both runs"
    return Drift(
        is_seen=False,
        note=f"the model's code {why}, so that no row shows how far the runs drift apart: "
        f"{assumed:.0%} is assumed",
    )


def _text_of_model(run: Run) -> str:
    files = run.manifest.get("scenario_files") or []
    return "".join(file.get("text") or "" for file in files)


def _work_of_model(run: Run) -> frozenset[tuple[int, ...]]:
    """Return what a pass takes, as far as it was counted: what the model's file imports changed."""
    networks = filter(None, (network_of(cell.scenario) for cell in run.results))
    return frozenset((n.direct_flops, n.parameter_bytes, n.convolutions) for n in networks)
