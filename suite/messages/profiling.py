"""The profiler and the process that is profiled: one request for each part of a profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from suite.conditions import Scenario
from suite.messages.answer import Answer
from suite.processes.channel import Done, Request
from suite.ranges import Count
from suite.results.profile import Function, Memory, Operators, Phases, ThreadTime

File = Literal["operators.txt", "trace.json.gz", "python.html"]
"""What the process writes into a cell's folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadSubject(Request[Answer[Done]]):
    """Import the implementation, bind it to data of its own, warm up."""

    scenario: Scenario
    frugal: bool
    """Keep no freed memory: for what it uses to be seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LookAtPhases(Request[Answer[Phases]]):
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorsSeen:
    operators: Operators
    files: tuple[File, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LookAtOperators(Request[Answer[OperatorsSeen]]):
    folder: str
    """To write files into, here and below."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LookAtMemory(Request[Answer[Memory]]):
    """In a process of its own, loaded `frugal`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadTimes:
    times: tuple[ThreadTime, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LookAtThreads(Request[Answer[ThreadTimes]]):
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonSeen:
    functions: tuple[Function, ...]
    files: tuple[File, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LookAtPython(Request[Answer[PythonSeen]]):
    folder: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Spun:
    calls: Count


@dataclass(frozen=True, kw_only=True, slots=True)
class Spin(Request[Answer[Spun]]):
    """Call for a while, for somebody who looks on from outside."""
