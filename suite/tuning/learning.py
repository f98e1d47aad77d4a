"""What the measurements taught, and what that is worth: judged on problems left out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from suite.problem import Problem
from suite.tuning.features import ALL_KINDS, kind_of
from suite.tuning.gaussian_process import LEAST_POINTS, Regression
from suite.tuning.selector import NOTICEABLE, Prediction, Selector, best_first, observations
from suite.tuning.store import Shapes, Trial


@dataclass(frozen=True)
class Outlook:
    """What `auto` is expected to do on problems like those measured, none of which it has seen.

    Each problem is left out in turn and chosen for from the others (cross-validation).
    """

    problems: int
    speedup: float
    """Geometric mean over torch."""
    best_speedup: float
    """That of the best row each: what a perfect choice would reach."""
    slower_share: float
    """Problems on which the choice is more than 3 % slower than torch."""
    chosen: Mapping[str, int]
    """Row → on how many problems it was chosen; torch among them."""


@dataclass(frozen=True)
class Here:
    """What `auto` now does on problems that were measured, and what that was measured to gain."""

    problems: int
    speedup: float
    """Geometric mean over torch."""
    best_speedup: float
    """That of the best row each."""
    chosen: Mapping[str, int]
    """Row → on how many problems it is chosen; torch among them."""


def shapes_of(trials: Sequence[Trial]) -> Shapes:
    """Return what fitting finds out about every kind and row."""
    selector = Selector(trials)
    shapes: Shapes = {}
    for kind in ALL_KINDS:
        shapes |= selector.shapes(kind)
    return shapes


def left_out_choices(trials: Sequence[Trial], kind: str) -> list[tuple[str, float, float]]:
    """Return (row chosen, its log speed-up, the best row's) for each trial of a kind, in order.

    The choice is made from predictions that have not seen the trial.
    """
    of_kind = [trial for trial in trials if kind_of(trial.problem) == kind]
    predictions: list[list[Prediction]] = [[] for _ in of_kind]
    for row, observed in observations(trials, kind).items():
        if len(observed) <= LEAST_POINTS:
            continue
        measured_in = [
            index
            for index, trial in enumerate(of_kind)
            if any(measured.row == row for measured in trial.measured)
        ]
        left_out = Regression(observed).predict_left_out()
        for index, (mean, deviation) in zip(measured_in, left_out, strict=True):
            predictions[index].append(Prediction(row, mean, deviation))
    choices = []
    for trial, predicted in zip(of_kind, predictions, strict=True):
        actual = {measured.row.name: measured.log_speedup for measured in trial.measured}
        safe = best_first(predicted)
        name = safe[0].row.name if safe else "torch"
        choices.append((name, actual.get(name, 0.0), max(0.0, *actual.values(), 0.0)))
    return choices


def gained_here(
    trials: Sequence[Trial], problems: Iterable[Problem], shapes: Shapes | None = None
) -> Here | None:
    """Return what `auto` gains on those of these problems that were measured; None of none.

    Unlike the outlook it knows them: it chooses by what was measured on them, too.

    Args:
        shapes: what fitting found out before; None fits anew.
    """
    asked = {problem.as_called() for problem in problems}
    selector = Selector(trials, shapes)
    gains, bests = [], []
    chosen: dict[str, int] = {}
    for trial in trials:
        if trial.problem not in asked:
            continue
        actual = {measured.row: measured.log_speedup for measured in trial.measured}
        safe = best_first(selector.predictions(trial.problem))
        row = next((prediction.row for prediction in safe if prediction.row in actual), None)
        name = row.name if row else "torch"
        chosen[name] = chosen.get(name, 0) + 1
        gains.append(actual[row] if row else 0.0)
        bests.append(max(0.0, *actual.values(), 0.0))
    if not gains:
        return None
    count = len(gains)
    return Here(count, math.exp(sum(gains) / count), math.exp(sum(bests) / count), chosen)


def outlook(trials: Sequence[Trial], problems: Sequence[Problem]) -> dict[str, Outlook]:
    """Return the outlook for each kind that was measured, and for "all" of `problems`.

    Args:
        asked: the problems to speak for; kinds measured more densely than they occur there weigh
            as much as they occur.
    """
    outlooks: dict[str, Outlook] = {}
    for kind in ALL_KINDS:
        if choices := left_out_choices(trials, kind):
            outlooks[kind] = _summary(choices)
    shares = {kind: sum(kind_of(problem) == kind for problem in problems) for kind in outlooks}
    total = sum(shares.values())
    if not total:
        return outlooks

    def mean(values: Mapping[str, float]) -> float:
        return sum(shares[kind] * value for kind, value in values.items()) / total

    chosen: dict[str, int] = {}
    for part in outlooks.values():
        for name, count in part.chosen.items():
            chosen[name] = chosen.get(name, 0) + count
    outlooks["all"] = Outlook(
        problems=sum(part.problems for part in outlooks.values()),
        speedup=math.exp(mean({kind: math.log(part.speedup) for kind, part in outlooks.items()})),
        best_speedup=math.exp(
            mean({kind: math.log(part.best_speedup) for kind, part in outlooks.items()})
        ),
        slower_share=mean({kind: part.slower_share for kind, part in outlooks.items()}),
        chosen=chosen,
    )
    return outlooks


def _summary(choices: Sequence[tuple[str, float, float]]) -> Outlook:
    count = len(choices)
    chosen: dict[str, int] = {}
    for name, _, _ in choices:
        chosen[name] = chosen.get(name, 0) + 1
    return Outlook(
        problems=count,
        speedup=math.exp(sum(gain for _, gain, _ in choices) / count),
        best_speedup=math.exp(sum(best for _, _, best in choices) / count),
        slower_share=sum(gain < NOTICEABLE for _, gain, _ in choices) / count,
        chosen=chosen,
    )
