"""Lines of a text in which a backslash goes on with the next one, and # begins a comment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

Layer = dict[str, str]
"""Column of a layer table → cell."""


class Line(NamedTuple):
    """A line that says something."""

    number: int
    """Where it begins, counted from 1."""
    text: str


class NoLayer(Exception):
    """A line does not describe a convolution that can be measured; says why."""


def joined_lines(text: str) -> Iterator[Line]:
    """Yield the lines that are no comment and not empty, continued ones as one."""
    begun, began_at = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not begun:
            if not line or line.startswith("#"):
                continue
            began_at = number
        # A list of values goes on behind a comma; anything else is another word.
        begun += ("" if not begun or begun.endswith(",") else " ") + line.removesuffix("\\").strip()
        if not line.endswith("\\"):
            yield Line(began_at, begun)
            begun = ""
    if begun:
        yield Line(began_at, begun)
