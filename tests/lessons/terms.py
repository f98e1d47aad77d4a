"""Finding words of the glossary that a page uses before it has linked them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

LEARN = Path(__file__).resolve().parents[2] / "docs" / "learn"
EVERYDAY = {"row", "problem", "cell", "arm", "block", "judge", "implementation", "scenario"}
"""Entries of the glossary that are plain words as well: no page can link each of them."""
_NO_PROSE = re.compile(
    r"(?P<link>\{term\}`[^`]+`)"  # stays
    r"|\A---\n.*?\n---\n"  # front matter
    r"|^ *(?P<fence>`{3,}|~{3,}).*?^ *(?P=fence)\s*$"  # code, directives
    r"|\$\$.*?\$\$|\$[^$\n]+\$"  # formulas
    r"|^\|.*?$|^#.*?$"  # tables, headings
    r"|`[^`\n]+`"  # code in a line
    r"|\]\([^)]*\)",  # targets of links
    re.MULTILINE | re.DOTALL,
)
_TERM = re.compile(r"\{term\}`([^`<]+?)(?:\s*<([^>]+)>)?`")


def terms_of(glossary: str) -> list[str]:
    """Return the entries of the glossary directive."""
    inside = re.search(r"```\{glossary\}\n(.*?)```", glossary, re.DOTALL)
    assert inside
    return [line for line in inside[1].splitlines() if line and not line.startswith(" ")]


def _blanked(text: str) -> str:
    """Return a page's prose with everything else blanked, each character in its place."""
    return _NO_PROSE.sub(lambda match: match["link"] or re.sub(r"[^\n]", " ", match[0]), text)


def unlinked(page: str, terms: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield each term whose first use in a page is no link to the glossary, and where that is."""
    prose = _blanked(page)
    for term in terms:
        if term in EVERYDAY:
            continue
        words = re.escape(term).replace(r"\ ", r"\s+")
        use = re.compile(rf"(?<![\w-]){words}(?:e?s)?(?![\w-])", re.IGNORECASE)
        links = [m for m in _TERM.finditer(prose) if (m[2] or m[1]).lower() == term.lower()]
        first_link = links[0].start() if links else len(prose)
        inside = [(m.start(), m.end()) for m in _TERM.finditer(prose)]
        for found in use.finditer(prose):
            if found.start() >= first_link:
                break
            if not any(start <= found.start() < end for start, end in inside):
                yield term, found.start()
                break
