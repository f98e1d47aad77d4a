"""Capturing and the process that runs a model."""

from __future__ import annotations

from dataclasses import dataclass

from suite.problem import Problem
from suite.processes.channel import Request
from suite.ranges import Count
from suite.workload import Input


@dataclass(frozen=True, kw_only=True, slots=True)
class Executed:
    """One convolution as it was called."""

    module: str
    """Path of the module that executed it; empty where none is known."""
    problem: Problem
    dtype: str
    memory_format: str
    stored: str | None = None
    """Name of the file with its values, where they were to be kept and could be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Executions:
    """What a model executed, or why it did not."""

    convolutions: tuple[Executed, ...]
    others: dict[str, Count]
    """Kinds of convolution that no scenario can describe → how often each was executed."""
    failure: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Capture(Request[Executions]):
    """Load a model and run it once."""

    module: str
    """The path of a .py file, or a dotted name."""
    name: str
    """What it is called there."""
    folder: str
    """To be in meanwhile."""
    inputs: tuple[Input, ...]
    dtype: str | None
    """What the model is converted to; None: as it is built."""
    asked_by: str
    """What the inputs were given by, for messages."""
    store_in: str | None = None
    """Folder for the layers' values; None: they are not kept."""
