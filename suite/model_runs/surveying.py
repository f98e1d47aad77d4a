"""From a model's name to a scenario: a process of its own runs it once and tells what it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from suite.capture import Target, TooSlow, as_id
from suite.errors import UsageError
from suite.messages.models import SurveyModel
from suite.processes.peer import Peer, ProcessFailed
from suite.workload import Input, NetworkScenario


def survey_model(
    target: Target,
    inputs: Sequence[Input],
    *,
    dtype: str | None,
    train: bool,
    timeout_s: float,
    memory_limit_bytes: int,
    log: Path,
    asked_by: str,
    folder: Path | None = None,
    tree: Path | None = None,
) -> NetworkScenario:
    """Return what there is to measure of a model with these inputs.

    Args:
        dtype: what the model is converted to; None: as it is built.
        train: whether a call is a step of training.
        asked_by: what the inputs were given by, for messages.
        folder: that a dotted name is found from; None: the current one.
        tree: a checkout to import from first.

    Raises:
        TooSlow: it takes longer than it may, or hangs.
        UsageError: it cannot be imported, built, run, or held against anything; says where.
    """
    request = SurveyModel(
        module=target.module,
        name=target.name,
        folder=str(folder or Path.cwd()),
        tree=None if tree is None else str(tree),
        inputs=tuple(inputs),
        dtype=dtype,
        train=train,
        asked_by=asked_by,
    )
    peer = Peer(
        "suite.models.child.survey:main",
        name=target.name,
        log=log,
        memory_limit_bytes=memory_limit_bytes,
    )
    try:
        surveyed = peer.ask(request, timeout_s=timeout_s)
    except ProcessFailed as failed:
        problem = f"{target.module}:{target.name}: {failed.reason}"
        raise (TooSlow if failed.status == "timeout" else UsageError)(problem) from None
    finally:
        peer.close()
    if surveyed.network is None:
        raise UsageError(surveyed.failure or f"{target.module}:{target.name}: says nothing")
    shapes = as_id("+".join(map(str, inputs)))
    return NetworkScenario(
        id=f"{target.title}/{shapes}{'-train' if train else ''}",
        problem=surveyed.network,
        dtype=surveyed.dtype,
        source=target.title,
    )
