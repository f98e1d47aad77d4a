"""Numbers from outside: which there may be, and what is said of one that may not.

A field of a record is annotated with them; see `suite.records`.
"""

from __future__ import annotations

import itertools
import math
import sys
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

MOST_INT = 2**63 - 1
"""What is larger is no count of anything, and no C library takes it."""
MOST_FLOAT = sys.float_info.max
MOST_SHOWN = 60


@dataclass(frozen=True)
class Within:
    """In an annotation: the least and the most that a number may be, both included."""

    least: float = -math.inf
    most: float = math.inf
    finite: bool = True


AnyFloat = Annotated[float, Within(finite=False)]
"""May be NaN or infinite: what an implementation computed, and errors of it."""
Seconds = Annotated[float, Within(0, 1e9)]
CallSeconds = Annotated[float, Within(1e-12, 1e9)]
"""Of a call: no clock that measured one says zero."""
Count = Annotated[int, Within(0)]
AtLeastOne = Annotated[int, Within(1)]
Share = Annotated[float, Within(0, 1e6)]
"""Of a whole, of which there may be several: 1.0 is all of one."""
Amount = Annotated[float, Within(0, 2.0**63)]
"""Of operations or bytes, where it need not be whole."""
Rate = Annotated[float, Within(1.0, 1e24)]
"""Of operations or bytes a second."""


class Misfit(ValueError):
    """A value does not fit its type; says where, what was found and what is accepted."""

    def __init__(self, problem: str, field: str = "") -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self._problem = problem
        self._field = field

    def inside(self, name: str | int) -> Misfit:
        """Return the same one level further out: inside a field, or at a place in a tuple."""
        own = f"[{name}]" if isinstance(name, int) else name
        joint = "." if self._field and not self._field.startswith("[") else ""
        return Misfit(self._problem, f"{own}{joint}{self._field}")


def shown(value: object) -> str:
    """Return a value as an error message names it, however long it is."""
    try:
        text = repr(value)
    except Exception:  # an int of more digits than Python prints; a value of somebody else's type
        return f"a {type(value).__name__} that cannot be printed"
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"


def number(kind: Any, within: Within) -> Callable[[Any], Any]:
    """Return the function that passes numbers of a kind on, or raises a `Misfit`."""
    least, most = within.least, within.most
    what = "a number"
    if kind is int:
        what, least, most = "an integer", max(least, -MOST_INT), min(most, MOST_INT)
    elif within.finite:
        least, most = max(least, -MOST_FLOAT), min(most, MOST_FLOAT)

    def decode(plain: Any) -> Any:
        if type(plain) is kind:
            if least <= plain <= most or (not within.finite and math.isnan(plain)):
                return plain
        # An integer stands for a float, if it is one's size.
        elif type(plain) is int and max(least, -MOST_FLOAT) <= plain <= min(most, MOST_FLOAT):
            return plain
        raise Misfit(f"found {shown(plain)}, expected {what} from {least:.6g} to {most:.6g}")

    return decode


# Samples and stream starts come by the dozen in every turn, and by the million in a run's file:
# where all of them fit, that is seen at once rather than one by one.


def all_fit_as(item: Any) -> Callable[[Sequence[Any]], bool] | None:
    """Return whether all of some numbers fit, as a function; None where `item` is no number."""
    kind, within = (
        typing.get_args(item)[:2] if typing.get_origin(item) is Annotated else (item, Within())
    )
    if kind not in (int, float) or not within.finite:
        return None
    largest = MOST_INT if kind is int else MOST_FLOAT
    least, most = max(within.least, -largest), min(within.most, largest)

    def all_fit(plain: Sequence[Any]) -> bool:
        # The sum of what is not all finite is not finite.
        return (
            set(map(type, plain)) == {kind}
            and (kind is int or math.isfinite(sum(plain)))
            and least <= min(plain)
            and max(plain) <= most
        )

    return all_fit


def rows_fit_as(item: Any) -> Callable[[Sequence[Any]], bool] | None:
    """Return the same for rows of equally many numbers of one type."""
    items = typing.get_args(item)
    if typing.get_origin(item) is not tuple or len(set(items)) != 1 or not items:
        return None
    all_fit = all_fit_as(items[0])

    def rows_fit(plain: Sequence[Any]) -> bool:
        return (
            all_fit is not None
            and set(map(type, plain)) == {list}
            and set(map(len, plain)) == {len(items)}
            and all_fit(list(itertools.chain.from_iterable(plain)))
        )

    return rows_fit
