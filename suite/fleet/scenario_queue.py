"""The scenarios that are left: longest first, some short ones at a time, given back when lost."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

MOST_RETURNS = 2
"""How often a scenario is given back of which nothing new was measured; then it is lost."""
LEAST_SHARE = 0.5
"""Of what is left for each worker, that one of them takes at most: the last ones end together."""


@dataclass
class _Entry:
    estimate_s: float
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Lost:
    """A scenario that cost several workers."""

    scenario: str
    reason: str


class ScenarioQueue:
    """Who calls keeps what it took until it is done or given back.

    Args:
        estimates_s: scenario → about how long it takes.
        together_s: so long may several take that are handed out together, as beginning takes some
            seconds; one that takes longer goes alone.
        least_s: so long they take at least where there are as many left, by the same token.
    """

    def __init__(
        self,
        estimates_s: Mapping[str, float],
        together_s: float,
        *,
        least_s: float = 0.0,
        in_order: bool = False,
    ) -> None:
        self._entries = {name: _Entry(seconds) for name, seconds in estimates_s.items()}
        self._waiting = list(estimates_s)
        if not in_order:
            self._waiting.sort(key=lambda name: -estimates_s[name])
        self._together_s = together_s
        self._least_s = least_s
        self.lost: list[Lost] = []

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    @property
    def left_s(self) -> float:
        """About how long those that wait take, one after the other."""
        return sum(self._entries[name].estimate_s for name in self._waiting)

    def estimate_s(self, names: Iterable[str]) -> float:
        return sum(self._entries[name].estimate_s for name in names)

    def take(self, workers: int) -> list[str]:
        """Return what one of so many workers does next; empty where nothing waits.

        What was lost once goes alone: whichever of several it was that cost the worker.
        """
        if not self._waiting:
            return []
        share_s = LEAST_SHARE * self.left_s / max(1, workers)
        most_s = min(self._together_s, max(self._least_s, share_s))
        first = self._waiting[0]
        taken = [first]
        used_s = self._entries[first].estimate_s
        if not self._entries[first].reasons:
            for name in self._waiting[1:]:
                entry = self._entries[name]
                if not entry.reasons and used_s + entry.estimate_s <= most_s:
                    taken.append(name)
                    used_s += entry.estimate_s
        chosen = set(taken)
        self._waiting = [name for name in self._waiting if name not in chosen]
        return taken

    def give_back(
        self, names: Iterable[str], reason: str = "", *, advanced: Container[str] = ()
    ) -> list[Lost]:
        """Put scenarios in front again; return those that were lost too often, which are not.

        Args:
            reason: why they were lost; empty where that says nothing about them.
            advanced: those of which something new was measured before: they count anew, as what
                costs a worker each time gets no further.
        """
        again, lost = [], []
        for name in names:
            entry = self._entries[name]
            if name in advanced:
                entry.reasons.clear()
            if reason:
                entry.reasons.append(reason)
            if len(entry.reasons) > MOST_RETURNS:
                lost.append(Lost(name, _told(entry.reasons)))
            else:
                again.append(name)
        self._waiting = again + self._waiting
        self.lost += lost
        return lost

    def give_up(self) -> list[str]:
        """Return all that waits, which nobody will do."""
        left, self._waiting = self._waiting, []
        return left


def _told(reasons: list[str]) -> str:
    return f"lost {len(reasons)} times: {'; '.join(dict.fromkeys(reasons))}"
