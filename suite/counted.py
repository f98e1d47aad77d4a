"""A number and what it counts, in words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return "1 cell", or "1,234 cells"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
