"""The pages of docs/ that no part lists: they join the part that asks for them."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
OWN = {"index", "start"}
_LISTED = re.compile(r"^/([\w-]+)$", re.MULTILINE)


def nowhere_else() -> str:
    """Return lines of a toctree: the pages next to index.md that no index of a part lists."""
    listed = {
        name
        for index in DOCS.glob("*/index.md")
        for name in _LISTED.findall(index.read_text(encoding="utf-8"))
    }
    return "\n".join(
        f"/{page.stem}" for page in sorted(DOCS.glob("*.md")) if page.stem not in listed | OWN
    )
