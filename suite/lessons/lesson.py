"""What a lesson and an exercise are."""

from __future__ import annotations

from dataclasses import dataclass

from suite.messages.lessons import Operation


@dataclass(frozen=True, kw_only=True)
class Task:
    """An exercise: a file to complete, to mend, or to prove something with."""

    what: str
    """What is to be done, as an order."""
    text: str
    """The file, without the lines that say which exercise it is."""
    hints: tuple[str, ...]
    """From a nudge to nearly the answer."""
    function: str = "conv2d"
    """What the file defines; a claim's function has the claim's name."""
    operation: Operation = "forward"
    shapes: tuple[str, ...] = ()
    """Names of `suite.lessons.shapes.SHAPES`; none where it is a claim."""
    claim: str | None = None
    """What is judged in place of a convolution: a name of `suite.lessons.child.claims`."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A row of a lesson's table."""

    scenario: str
    """Its id in scenarios/lessons.yaml."""
    row: str
    """The implementation."""
    says: str = ""
    """What is new about it, in a few words."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A page of docs/learn/, its table and its exercises."""

    name: str
    title: str
    about: str
    """What one knows afterwards, in a sentence."""
    cells: tuple[Cell, ...] = ()
    """Its table, in order; empty where nothing is measured."""
    columns: tuple[str, ...] = ()
    """What of a cell its table shows: names of `suite.lessons.table.COLUMNS`."""
    tasks: tuple[Task, ...] = ()
