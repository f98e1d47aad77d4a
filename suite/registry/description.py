"""What is asked of the process that imports sources, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from suite.conditions import Scenario
from suite.declaration import Declaration
from suite.processes.channel import Request


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """One implementation on this machine."""

    declared: Declaration
    unavailable: str | None
    unsupported: dict[str, str]
    """Scenario → why it does not cover it, of those that were asked about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """What a source registers, in its order."""

    implementations: tuple[Described, ...]
    failure: str | None
    """Why it does not import; one line with the file, the line and the error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Descriptions:
    """One for each source, in their order."""

    of_sources: tuple[Description, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Describe(Request[Descriptions]):
    scenarios: tuple[Scenario, ...]
    """What to ask each implementation about."""
