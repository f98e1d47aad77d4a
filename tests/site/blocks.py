"""The code blocks of Markdown pages, and what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT
from tests.site import python_blocks, shell_blocks, yaml_blocks

FENCE = re.compile(r"^( *)(`{3,}|~{3,}|:{3,})(.*)$")

OUTPUT = {"text", "csv", "c", "html"}
"""Languages of what is shown and not typed."""


class Block(NamedTuple):
    """A fenced block: where it stands, in which language, what it says."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return the Markdown that people read, in the repository's root and in docs/."""
    docs = (ROOT / "docs").rglob("*.md")
    kept = [path for path in docs if "_build" not in path.parts]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "scenarios" / "README.md", *kept]


def blocks_of(text: str, page: str) -> Iterator[Block]:
    """Yield a page's blocks, those within directives too."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        opened = FENCE.match(lines[at])
        at += 1
        if not opened:
            continue
        indent, fence, language = opened[1], opened[2], opened[3].strip()
        closing = re.compile(rf"^ *{re.escape(fence[0])}{{{len(fence)},}} *$")
        end = next((i for i in range(at, len(lines)) if closing.match(lines[i])), len(lines))
        body = [line.removeprefix(indent) for line in lines[at:end]]
        if fence[0] == ":":  # Markdown, whose own blocks follow
            continue
        yield Block(page, at, language, "\n".join(body) + "\n")
        at = end + 1


def faults_of(block: Block) -> list[str]:
    """Return what is wrong with a block, each with its place."""
    if block.language.startswith("{"):  # a directive: what builds the page looks at it
        return []
    if block.language in OUTPUT:
        return []
    if block.language not in CHECKS:
        accepted = ", ".join(sorted({*CHECKS, *OUTPUT}))
        return [f'{block}: language "{block.language}"; accepted: {accepted}']
    try:
        return [f"{block}: {fault}" for fault in CHECKS[block.language](block.text)]
    except Exception as error:
        return [f"{block}: {type(error).__name__}: {error}"]


def _json_faults(text: str) -> Iterator[str]:
    json.loads(text)
    yield from ()


CHECKS: dict[str, Callable[[str], Iterator[str]]] = {
    "python": python_blocks.faults,
    "sh": shell_blocks.faults,
    "console": shell_blocks.session_faults,
    "yaml": yaml_blocks.faults,
    "json": _json_faults,
}
