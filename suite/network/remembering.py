"""What trying rows in a network taught, kept so that it need not be measured again.

Only rows that lost, and those that were verified on a layer's own values: what is remembered is
chosen again without measuring.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping

import torch

from suite.network.candidates import Candidate
from suite.network.choosing import Seen
from suite.network.deciding import LEAST_GAIN
from suite.problem import Problem
from suite.tuning import remembered
from suite.tuning.store import Conditions, Measured, Row, Trial

FEW_PASSES_ERROR = 0.1
"""Standard error of a logarithm from a first look."""
LEAST_ERROR = 0.03

Key = tuple[Problem, Conditions, Row]


def remember(seen: Mapping[str, Seen], chosen: Mapping[str, Candidate]) -> None:
    """Keep what was measured of each problem; equal ones of several layers as their mean.

    Raises:
        UsageError: the folder for it cannot be written.
    """
    logs: dict[Key, list[tuple[float, float]]] = {}
    for path, of_layer in seen.items():
        for key, log, error in _observations(of_layer, chosen.get(path)):
            logs.setdefault(key, []).append((log, error))
    measured: dict[tuple[Problem, Conditions], list[Measured]] = {}
    for (problem, conditions, row), each in logs.items():
        mean = statistics.fmean(log for log, _ in each)
        error = max(LEAST_ERROR, statistics.fmean(error for _, error in each))
        gains = measured.setdefault((problem, conditions), [])
        gains.append(Measured(row, mean, error))
    if measured:
        trials = [Trial(*key, tuple(gains)) for key, gains in measured.items()]
        remembered.remember(trials, torch.__version__)


def known_gains(rows: Iterable[Candidate]) -> dict[str, float]:
    """Return the gain over torch of each of a layer's rows that is remembered of this machine."""
    gains = {}
    for candidate in rows:
        if len(candidate.plans) != 1 or candidate.is_apart:
            continue
        (plan,) = candidate.plans
        trial = remembered.recall(plan.problem, plan.conditions, torch.__version__)
        for measured in trial.measured if trial else ():
            if measured.row == plan.row:
                gains[candidate.name] = math.exp(measured.log_speedup)
    return gains


def _observations(seen: Seen, chosen: Candidate | None) -> Iterator[tuple[Key, float, float]]:
    for name, first_gain in seen.gains.items():
        blocks = seen.blocks.get(name)
        gain = statistics.geometric_mean(blocks) if blocks else first_gain
        is_verified = chosen is not None and chosen.name == name
        if gain >= LEAST_GAIN and not is_verified:
            continue
        candidate = seen.candidates[name]
        plans = candidate.plans
        # A module of several shapes: whose gain it is nobody knows. What torch follows is no row's.
        if len(plans) != 1 or candidate.is_apart:
            continue
        (plan,) = plans
        yield (
            (plan.problem, plan.conditions, plan.row),
            math.log(gain),
            LEAST_ERROR if blocks else FEW_PASSES_ERROR,
        )
