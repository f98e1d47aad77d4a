"""What a process costs that ends while it was not at work: a judge, a sleeping worker, the server
that processes are forked from.

Who ended it is not told. So nobody is blamed at first: the rest is measured once more, and whose
turn it was last apart from the others, beside the reference alone. If it happens there again, that
row is the one it happens with, and gets a status; the others have theirs by then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from suite.measuring.arm import Arm
from suite.results.cell import Status


class Lost(Exception):
    """A process ended that was not at work, or the judge has no room for a scenario.

    Args:
        arm: key of the arm whose process it was; None for the judge.
        final: trying again would change nothing.
    """

    def __init__(
        self, status: Status, reason: str, *, arm: str | None = None, final: bool = False
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.arm = arm
        self.final = final


class _Named(Protocol):
    @property
    def implementation(self) -> str | None:
        """The row that it decides; None where it only tells how things stand."""


Result_co = TypeVar("Result_co", bound=_Named, covariant=True)


class Attempt(Protocol[Result_co]):
    """Some arms, measured together once."""

    def results(self) -> Iterator[Result_co]:
        """Yield each arm's result as soon as it is known; may raise `Lost`."""

    def at_work_last(self, besides: str | None) -> str | None:
        """Return the arm whose process was asked last, of one key never."""

    def failed(self, names: Sequence[str], status: Status, reason: str) -> Iterator[Result_co]:
        """Yield the results of arms that could not be measured."""


@dataclass(frozen=True)
class _Group:
    """Arms to measure together."""

    arms: tuple[Arm, ...]
    losses: int = 0
    """How often it happened to a group of just these."""


def in_spite_of_losses(
    arms: Sequence[Arm],
    reference: str | None,
    begin: Callable[[Sequence[Arm]], Attempt[Result_co]],
) -> Iterator[Result_co]:
    """Yield every arm's result once, whatever processes are lost meanwhile.

    Args:
        reference: the arm that the others are measured beside; None where they need nobody.
        begin: makes an attempt with some of the arms.
    """
    known: set[str] = set()
    groups = deque([_Group(tuple(arms))])
    while groups:
        group = groups.popleft()
        left = [arm for arm in group.arms if arm.name not in known]
        if not left:
            continue
        attempt = begin(group.arms)
        try:
            for result in attempt.results():
                if result.implementation is None:
                    yield result
                elif result.implementation not in known:
                    known.add(result.implementation)
                    yield result
        except Lost as lost:
            left = [arm for arm in group.arms if arm.name not in known]
            suspect = attempt.at_work_last(lost.arm) or lost.arm
            blamed, again = _after(lost, suspect, group, left, reference)
            known |= {arm.name for arm in blamed}
            yield from attempt.failed([arm.name for arm in blamed], lost.status, lost.reason)
            groups.extendleft(reversed(again))


def _after(
    lost: Lost, suspect: str | None, group: _Group, left: Sequence[Arm], reference: str | None
) -> tuple[Sequence[Arm], list[_Group]]:
    """Return whom the loss is blamed on, and what to measure again."""
    if lost.final:
        return left, []
    partner = tuple(arm for arm in group.arms if arm.name == reference)
    others = tuple(arm for arm in left if arm.name != reference)
    if not group.losses and (len(others) <= 1 or suspect not in [arm.key for arm in others]):
        return (), [_Group(partner + others, losses=1)]
    if not others:
        return left, []
    if len(others) == 1:
        lost.reason += f"; so it did whenever this row was measured{_beside(partner)}"
        return others, [_Group(partner)] if set(partner) & set(left) else []
    apart = [arm for arm in others if arm.key == suspect] or others
    rest = tuple(arm for arm in others if arm not in apart)
    singles = [_Group((*partner, arm), losses=len(rest) and 1) for arm in apart]
    return (), [_Group(partner + rest), *singles] if rest else singles


def _beside(partner: Sequence[Arm]) -> str:
    return f" beside {partner[0].name} alone" if partner else " alone"
