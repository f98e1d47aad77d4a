"""The mutants: the text of `base.py` with one line changed, as `mutations.diff` has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.registry.implementation import Implementation

HERE = Path(__file__).parent
BASE = (HERE / "base.py").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Mutant:
    """One mistake."""

    name: str
    line: str
    """The base's own."""
    changed: str

    @property
    def text(self) -> str:
        """The base with the mistake in it.

        Raises:
            ValueError: the line is not in the base just once.
        """
        lines = BASE.splitlines()
        if lines.count(self.line) != 1:
            raise ValueError(f"{self.name}: {lines.count(self.line)} lines are {self.line!r}")
        return "\n".join(self.changed if own == self.line else own for own in lines) + "\n"


def mutants() -> list[Mutant]:
    """Return the mutants in the order of the file.

    Raises:
        ValueError: what is not a name, the base's line and the changed one.
    """
    lines = (HERE / "mutations.diff").read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if line and not line.startswith("#")]
    found = []
    for name, line, changed in zip(*[iter(told)] * 3, strict=True):
        if (name[:2], line[:1], changed[:1]) != ("@ ", "-", "+"):
            raise ValueError(f"no mutation: {name!r}, {line!r}, {changed!r}")
        found.append(Mutant(name[2:], line[1:], changed[1:]))
    return found


def row_of(name: str, text: str = BASE) -> Implementation:
    """Return a text as an implementation that is registered nowhere."""
    scope: dict[str, Any] = {}
    exec(compile(text, name, "exec"), scope)
    return Implementation(
        name=name, family="direct", source=name, function=scope["conv2d"], devices=("cpu",)
    )
