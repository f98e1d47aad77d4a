"""What to expect of rows where nothing was measured: the built-in cost model."""

from __future__ import annotations

from suite.problem import Problem
from suite.tuning.selector import Prediction
from suite.tuning.table import Conditions


def prior_predictions(problem: Problem, conditions: Conditions) -> list[Prediction]:
    return []
