"""One request answered: variants of a network timed, or what went wrong."""

from __future__ import annotations

import pickle
from pathlib import Path

from suite.messages.answer import Answer, Failure
from suite.messages.network import TimeArms, Timings
from suite.network.bench import ArmFailed, Bench
from suite.results.cell import Status


def timed(bench: Bench, request: TimeArms) -> Answer[Timings]:
    """Return the arms' times, or the failure of one."""
    arms = pickle.loads(Path(request.arms).read_bytes())
    try:
        return Answer(reply=bench.time(arms, request.asked), failure=None)
    except ArmFailed as failed:
        failure = Failure(status=Status.ERROR, reason=str(failed))
        return Answer(reply=None, failure=failure)
