"""From the table to a choice: the fastest row among those that are safe.

Safe: even where the prediction errs by its own standard deviation (`SIGMAS` of it), the row is not
noticeably slower than torch. So a choice other than torch needs measurements of problems alike,
and what they promise has to exceed what they leave open.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from suite.problem import Problem
from suite.tuning.features import kind_of, point_of
from suite.tuning.gaussian_process import LEAST_POINTS, Observation, Regression, Shape
from suite.tuning.store import Row, Shapes, Trial

SIGMAS = 2.0
"""Most choices lie far above this border, so that the second deviation costs little speed. `tune`
counts, on problems left out, how many turn out noticeably slower than torch."""
NOTICEABLE = math.log(0.97)
LEAST_GAIN = math.log(1.03)
"""Less is not worth another way of rounding."""


@dataclass(frozen=True)
class Prediction:
    """What a row is expected to do on a problem: see `gaussian_process.squeezed`."""

    row: Row
    log_speedup: float
    deviation: float

    @property
    def is_safe(self) -> bool:
        sure = self.log_speedup - SIGMAS * self.deviation
        return self.log_speedup >= LEAST_GAIN and sure >= NOTICEABLE


def best_first(predictions: Iterable[Prediction]) -> list[Prediction]:
    """Return the predictions that are safe, the fastest first."""
    safe = (prediction for prediction in predictions if prediction.is_safe)
    return sorted(safe, key=lambda prediction: -prediction.log_speedup)


def observations(trials: Iterable[Trial], kind: str) -> dict[Row, list[Observation]]:
    """Return what was observed of each row on problems of a kind."""
    by_row: dict[Row, list[Observation]] = {}
    for trial in trials:
        if kind_of(trial.problem) == kind:
            point = point_of(trial.problem)
            for measured in trial.measured:
                observation = Observation(point, measured.log_speedup, measured.error)
                by_row.setdefault(measured.row, []).append(observation)
    return by_row


class Selector:
    """Answers from trials under one set of conditions; fits each kind when it is first asked."""

    def __init__(self, trials: Sequence[Trial], shapes: Shapes | None = None) -> None:
        self._trials = trials
        self._shapes = shapes or {}
        self._fitted: dict[str, dict[Row, Regression]] = {}

    def _regressions(self, kind: str) -> dict[Row, Regression]:
        if kind not in self._fitted:
            self._fitted[kind] = {
                row: Regression(observed, self._shape(kind, row))
                for row, observed in observations(self._trials, kind).items()
                if len(observed) >= LEAST_POINTS
            }
        return self._fitted[kind]

    def _shape(self, kind: str, row: Row) -> Shape | None:
        shape = self._shapes.get((kind, row.name))
        return Shape(*shape) if shape else None

    def shapes(self, kind: str) -> Shapes:
        """Return what fitting found out about a kind, so that it need not be found out again."""
        return {
            (kind, row.name): (fitted.shape.length, fitted.shape.nugget)
            for row, fitted in self._regressions(kind).items()
        }

    def predictions(self, problem: Problem) -> list[Prediction]:
        """Return what is known of every row on this problem, in no order."""
        point = point_of(problem)
        return [
            Prediction(row, *regression.predict(point))
            for row, regression in self._regressions(kind_of(problem)).items()
        ]
