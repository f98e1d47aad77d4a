"""Markdown that says what a plain text says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what could end a field is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_field(text) for text in line)} |" for line in lines) + "\n"


def escaped(text: str) -> str:
    """Return a plain text so that Markdown shows it as it is; words in backticks stay code."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(
        part if at % 2 else re.sub(r"([*_<>\[\]$\\])", r"\\\1", part)
        for at, part in enumerate(parts)
    )


def _field(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
