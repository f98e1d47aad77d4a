"""One request answered: variants of a network timed, or what went wrong."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from suite.messages.answer import Answer, Failure
from suite.messages.network import TimeArms, Timings
from suite.network.bench import ArmFailed, Bench
from suite.results.cell import Status


def timed(bench: Bench, threads: int, request: TimeArms) -> Answer[Timings]:
    """Return the arms' times, or the failure of one.

    Args:
        threads: that they compute on. They are set no sooner, as they start a pool, with which
            nothing can be forked.
    """
    torch.set_num_threads(threads)
    arms = pickle.loads(Path(request.arms).read_bytes())
    try:
        return Answer(reply=bench.time(arms, request.asked), failure=None)
    except ArmFailed as failed:
        failure = Failure(status=Status.ERROR, reason=str(failed))
        return Answer(reply=None, failure=failure)
