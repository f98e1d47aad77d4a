"""How a process that runs other people's code answers: with a reply, or with what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from suite.results.cell import Status

Reply = TypeVar("Reply")


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """What became of a request in place of a reply.

    Raises:
        ValueError: a status that is no failure.
    """

    status: Status
    reason: str

    def __post_init__(self) -> None:
        if self.status is Status.PASSED:
            raise ValueError("a failure's status cannot be passed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer(Generic[Reply]):
    """One of the two.

    Raises:
        ValueError: both, or neither.
    """

    reply: Reply | None
    failure: Failure | None

    def __post_init__(self) -> None:
        if (self.reply is None) == (self.failure is None):
            raise ValueError("it holds either a reply or a failure")
