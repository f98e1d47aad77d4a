"""Reasons that differ in figures alone, told once.

"needs a 1×1 kernel, this one is 3×3" and the same of 31×31 are "needs a 1×1 kernel".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_FIGURE = re.compile(r"[-+]?(?:\d[\d,.]*(?:e[-+]?\d+)?(?<![,.])|\b(?:nan|inf)\b)", re.IGNORECASE)
_CLAUSE = re.compile(r"(?<=[,;]) ")


@dataclass(frozen=True)
class Folded:
    """A reason, and as what it was given, as often as it was."""

    text: str
    given: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.given)


def folded(reasons: Iterable[str]) -> list[Folded]:
    """Return the different reasons, the most frequent first; differing figures do not part them.

    Of a reason that was given with several figures the clauses that differ are left out, apart
    from the first, which gets the range of each figure.
    """
    by_kind: dict[str, list[str]] = {}
    for reason in reasons:
        by_kind.setdefault(alike(reason), []).append(reason)
    merged: dict[str, list[str]] = {}
    for group in by_kind.values():
        merged.setdefault(_common(group), []).extend(group)
    each = (Folded(text, tuple(given)) for text, given in merged.items())
    return sorted(each, key=lambda fold: -fold.count)


def alike(reason: str) -> str:
    """Return what is the same of reasons that differ in figures alone."""
    return _FIGURE.sub("#", reason)


def _common(reasons: list[str]) -> str:
    """Return what reasons that differ in figures alone have in common."""
    if len(set(reasons)) == 1:
        return reasons[0]
    clauses = list(zip(*(_CLAUSE.split(reason) for reason in reasons), strict=True))
    kept = [
        clause[0] if len(set(clause)) == 1 else _with_ranges(clause)
        for number, clause in enumerate(clauses)
        if number == 0 or len(set(clause)) == 1
    ]
    return " ".join(kept).rstrip(",;")


def _with_ranges(clause: tuple[str, ...]) -> str:
    """Return "589,824 to 12,845,056 passes" of texts that differ in such a figure."""
    figures = list(zip(*(_FIGURE.findall(text) for text in clause), strict=True))
    ends = iter([_range(figure) for figure in figures])
    return _FIGURE.sub(lambda _: next(ends), clause[0])


def _range(figures: tuple[str, ...]) -> str:
    ordered = sorted(set(figures), key=_value)
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"


def _value(figure: str) -> tuple[float, ...]:
    try:
        return (float(figure.replace(",", "")),)
    except ValueError:  # "2.13.0"
        return tuple(map(float, re.findall(r"\d+", figure)))
