"""An arm: one implementation in one source tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from suite.declaration import Declaration
from suite.processes.interpreter import Interpreter
from suite.registry.sources import Source


@dataclass(frozen=True)
class Arm:
    """One implementation in one source tree."""

    declared: Declaration
    """What the catalogue lists and every table shows. It is what the arm is judged by: what its
    own process says of itself later, beside the code that is to be judged, counts for nothing."""
    source: Source
    label: str = ""
    """What tells arms of the same implementation apart; the name where nothing has to."""
    unsupported: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Scenario → why it is not covered, as far as that is known before a process is started."""

    by_name: bool = field(default=False, compare=False)
    """Whether it was asked for by name, and not by a pattern or as one of all."""
    wanted: bool = field(default=False, compare=False)
    """Whether somebody asked for it, by name, by a pattern or with a plug-in of theirs, and not
    only for all there are."""
    row: str = field(default="", compare=False)
    """What its source registers it as, where it is called otherwise here."""
    interpreter: Interpreter | None = field(default=None, compare=False)
    """What its processes are started with; None: they are forks of one."""

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def registered_name(self) -> str:
        return self.row or self.name

    @property
    def threads(self) -> int | None:
        """How many its environment says; None where that is as everywhere."""
        return self.interpreter.threads if self.interpreter else None

    @property
    def family(self) -> str:
        return self.declared.family

    @property
    def key(self) -> str:
        return self.label or self.name
