"""Parents of model runs, and the processes that run a user's model for them."""

from __future__ import annotations

from dataclasses import dataclass

from suite.processes.channel import Request
from suite.ranges import Count
from suite.workload import Input, Network


@dataclass(frozen=True, kw_only=True, slots=True)
class Surveyed:
    """What one pass through a model showed, or why there is none."""

    network: Network | None
    dtype: str
    """The model's own, or the one it was converted to."""
    failure: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SurveyModel(Request[Surveyed]):
    """Load a model, run it as it is to be measured, and tell what that is."""

    module: str
    name: str
    folder: str
    inputs: tuple[Input, ...]
    dtype: str | None
    train: bool
    asked_by: str
    """What the inputs were given by, for messages."""
    tree: str | None = None
    """A checkout that what the model imports is taken from first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What `optimize` made of a model."""

    failure: str | None
    """Why it could not be tried; a model that is left as it was is none."""
    layers: Count = 0
    """Convolutions that it has rows for."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimiseModel(Request[Settled]):
    """Optimise a model and write what was chosen into a file."""

    network: Network
    dtype: str
    budget_s: float
    fold: bool
    path: str
