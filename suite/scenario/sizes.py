"""Numbers of a scenario file that stand for axes, before it is known how many axes there are.

A file says `kernel_size: 3` or `[1, 9]`; how many numbers there have to be, the problem's kind
says, which may stand elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from suite.errors import UsageError
from suite.kinds import AXES_OF, AXIS_NAMES, KINDS, Pair

_SIDES = (("front", "back"), ("top", "bottom"), ("left", "right"))


@dataclass(frozen=True, eq=False)
class Sizes:
    """One number for all axes, one for each, or of padding one for each side.

    Two are equal where they mean the same in whatever kind: 3 and [3, 3], [1, 2] and [1, 1, 2, 2].
    """

    numbers: tuple[int, ...]
    is_list: bool = True

    @property
    def shortest(self) -> tuple[int, ...]:
        """The same in as few numbers as it can be written in."""
        numbers = self.numbers
        if len(set(numbers)) == 1:
            return numbers[:1]
        if len(numbers) > 3 and numbers[::2] == numbers[1::2]:
            return numbers[::2]
        return numbers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sizes) and self.shortest == other.shortest

    def __hash__(self) -> int:
        return hash(self.shortest)

    def of_kind(self, name: str, kind: str) -> tuple[int, ...]:
        """Return a number for each axis of a kind of problem.

        Args:
            name: what they are, for the message.

        Raises:
            UsageError: there are too many or too few.
        """
        axes = AXES_OF[kind]
        if not self.is_list:
            return self.numbers * axes
        if len(self.numbers) != axes:
            raise self._misfit(name, kind, f"[{', '.join(AXIS_NAMES[-axes:])}]")
        return self.numbers

    def sides_of_kind(self, name: str, kind: str) -> list[Pair]:
        """Return the padding before and behind each axis, from one for each or for each side.

        Raises:
            UsageError: there are too many or too few.
        """
        axes, numbers = AXES_OF[kind], self.numbers
        if len(numbers) == 2 * axes:
            return list(zip(numbers[::2], numbers[1::2], strict=True))
        if self.is_list and len(numbers) != axes:
            sides = [side for pair in _SIDES[-axes:] for side in pair]
            lists = f"[{', '.join(AXIS_NAMES[-axes:])}] or [{', '.join(sides)}]"
            raise self._misfit(name, kind, lists)
        return [(size, size) for size in self.of_kind(name, kind)]

    def _misfit(self, name: str, kind: str, lists: str) -> UsageError:
        axes, number = AXES_OF[kind], len(self.numbers)
        other = f"{kind[:-2]}{number}d"
        near = f' Did you mean "kind: {other}"?' if other in KINDS else ""
        return UsageError(
            f"{name} is {list(self.numbers)}, and {kind} has {axes} "
            f"{'axis' if axes == 1 else 'axes'}; accepted: one number or {lists}.{near}"
        )

    def __str__(self) -> str:
        return "x".join(map(str, self.shortest))
