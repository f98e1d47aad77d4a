"""What `optimize` makes of a model, found out before the run's blocks and kept in its folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from suite.measuring.arm import Arm
from suite.messages.models import OptimiseModel
from suite.model_runs.arms import OPTIMIZE, OPTIMIZE_FOLD
from suite.processes.peer import Peer, ProcessFailed
from suite.registry.sources import WaySource
from suite.workload import NetworkScenario

FOLDER = "optimised"
OVER = 4.0
"""So many times its budget, and then some, it may take: verifying and proving come on top."""
OVER_S = 600.0


def is_optimised(arm: Arm) -> bool:
    """Return whether an arm needs to be optimised before it can be measured."""
    return isinstance(arm.source, WaySource) and arm.source.way in (OPTIMIZE, OPTIMIZE_FOLD)


def chosen_file(folder: Path, arm: str, threads: int | None = None) -> Path:
    """Return the file in a run's folder that holds what was chosen for an arm.

    Args:
        threads: of the scenario, where it says how many.
    """
    own = "" if threads is None else f"-t{threads}"
    return folder / FOLDER / f"{arm}{own}.json"


def optimised(
    arm: Arm,
    scenario: NetworkScenario,
    folder: Path,
    *,
    budget_s: float,
    threads: int,
    memory_limit_bytes: int | None,
    log: Path,
) -> Arm:
    """Return an arm with what was chosen for it, measured now unless the folder has it already.

    What was chosen before, with other numbers of threads, it keeps.

    Where it cannot be tried, the arm is unsupported, with the reason.
    """
    assert isinstance(arm.source, WaySource)
    path = chosen_file(folder, arm.name, scenario.threads)
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        fold = arm.source.way == OPTIMIZE_FOLD
        if failure := _ask(scenario, path, budget_s, fold, threads, memory_limit_bytes, log):
            unsupported = {**arm.unsupported, scenario.id: failure}
            return dataclasses.replace(arm, unsupported=unsupported)
    settled = (*arm.source.settled, (threads, str(path.resolve())))
    return dataclasses.replace(arm, source=dataclasses.replace(arm.source, settled=settled))


def _ask(
    scenario: NetworkScenario,
    path: Path,
    budget_s: float,
    fold: bool,
    threads: int,
    memory_limit_bytes: int | None,
    log: Path,
) -> str | None:
    request = OptimiseModel(
        network=scenario.problem,
        dtype=scenario.dtype,
        budget_s=budget_s,
        fold=fold,
        path=str(path.resolve()),
    )
    peer = Peer(
        "suite.models.child.optimiser:main",
        threads,
        name=OPTIMIZE,
        log=log,
        memory_limit_bytes=memory_limit_bytes,
    )
    try:
        return peer.ask(request, timeout_s=OVER * budget_s + OVER_S).failure
    except ProcessFailed as failed:
        return failed.reason
    finally:
        peer.close()
