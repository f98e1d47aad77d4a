"""What is told of a format while it is written."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """A part that is done."""

    share: float
    """Of the time that the whole format takes, about."""
    is_there: bool = True
    """False: this run has nothing for it, and it took no time."""
