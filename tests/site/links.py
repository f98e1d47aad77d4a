"""Links in Markdown as it lies in the repository, which is how GitHub and editors show it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.site.blocks import FENCE

LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$")


def prose(text: str) -> str:
    """Return a page without its code blocks."""
    kept, fence = [], ""
    for line in text.splitlines():
        mark = FENCE.match(line)
        if mark and mark[2][0] != ":" and (not fence or mark[2].startswith(fence)):
            fence = "" if fence else mark[2]
        elif not fence:
            kept.append(line)
    return "\n".join(kept)


def slugs(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = [m[1] for line in prose(text).splitlines() if (m := HEADING.match(line))]
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def broken(page: Path) -> Iterator[str]:
    """Yield the links of a page that lead nowhere."""
    text = page.read_text(encoding="utf-8")
    for link in LINK.findall(prose(text)):
        parts = urlsplit(link)
        if parts.scheme in ("http", "https"):
            if "." not in parts.netloc:
                yield f"{page.name}: {link} is no address"
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not target.exists():
            yield f"{page.name}: {link} leads to no file"
        elif parts.fragment:
            there = target.read_text(encoding="utf-8")
            if parts.fragment not in slugs(there) and "<!-- generated:" not in there:
                yield f"{page.name}: {link}: {target.name} has no such heading"
