"""A lesson, the process that runs an exercise, and the one that examines what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from suite.messages.answer import Answer
from suite.problem import Problem
from suite.processes.channel import Done, Request
from suite.ranges import AnyFloat, AtLeastOne, Count

Operation = Literal["forward", "backward_data"]
"""What an exercise computes: conv2d, or its gradient with respect to the input."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw(Request[Done]):
    """Draw operands of small whole numbers for each problem, and keep what is expected."""

    problems: tuple[Problem, ...]
    operation: Operation
    folder: str
    """Where the operands go: 0.npz, 1.npz, …"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Computed:
    shape: tuple[Count, ...]
    vendor: str | None
    """torch's own convolution, if it did the work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compute(Request[Answer[Computed]]):
    """Call the exercise's function on the operands of one problem; the output goes to a file."""

    problem: Problem
    operation: Operation
    folder: str
    number: Count
    """Of the problem among those that were drawn for."""
    log_operators: bool
    """Whether to look which of torch's operators it runs, which takes longer than the call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WrongElement:
    """The first element of an output that is wrong."""

    number: Count
    """Of the problem."""
    index: tuple[Count, ...]
    got: AnyFloat
    expected: AnyFloat
    wrong: AtLeastOne
    """How many are."""
    elements: AtLeastOne
    where: str
    """What the wrong ones have in common: "in the last column"; empty where nothing was found."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspicion:
    """A mistake that would give the output that was found."""

    name: str
    says: str
    """What was done, as a sentence without its full stop: "the kernel is flipped"."""
    look: str
    """Where to look; one sentence."""
    numbers: tuple[Count, ...]
    """Of the problems whose wrong outputs it explains by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    wrong: tuple[WrongElement, ...]
    """One for each problem whose output has the right shape and wrong values."""
    suspicions: tuple[Suspicion, ...]
    """One mistake, or two made together, that explain every output; else each explains some."""
    together: bool
    """Whether they explain every output."""
    of: Count
    """How many outputs are wrong, in shape or value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnose(Request[Diagnosis]):
    """Compare outputs with what was expected, and with what mistaken functions would give."""

    folder: str
    numbers: tuple[Count, ...]
    """Of the problems that there is an output for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drive(Request[Answer[Done]]):
    """Call what an exercise without conv2d's signature defines; what it gives goes to a file."""

    claim: str
    recorded: str
    """The file of the lesson's recorded table; empty where the claim is not about it."""
    target: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Marked:
    passed: bool
    sentences: tuple[str, ...]
    """What was found, in the lesson's words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark(Request[Marked]):
    """Judge what such an exercise gave."""

    claim: str
    recorded: str
    source: str
