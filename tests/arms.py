"""Arms without a catalogue: what tests declare for files that they name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from suite.declaration import ERROR_FACTORS, Declaration
from suite.measuring.arm import Arm
from suite.registry.sources import Source, builtin_sources
from tests.conftest import ROOT

KEYWORDS = re.compile(r'\b(precision|nan_policy|error_factor)=(?:"(\w+)"|(\d+))')


def arm(name: str, family: str, source: Source, label: str = "", **declared: Any) -> Arm:
    """Return an arm that declares what its family usually does, and what is given."""
    usual, _ = ERROR_FACTORS[family]
    return Arm(
        Declaration(
            name=name,
            family=family,
            source=source.location,
            **{"error_factor": float(usual), **declared},
        ),
        source,
        label=label,
    )


def builtin(name: str, family: str, module: str) -> Arm:
    """Return the arm of an implementation of `impls/`."""
    source = next(s for s in builtin_sources(ROOT) if s.location == module)
    return arm(name, family, source)


def arm_of_file(path: Path) -> Arm:
    """Return the arm of a file that registers one function under the file's own name."""
    text = path.read_text(encoding="utf-8")
    family = re.search(r'family="(\w+)"', text)
    assert family
    declared = {key: word or float(number) for key, word, number in KEYWORDS.findall(text)}
    return arm(path.stem, family[1], Source(str(path)), **declared)
