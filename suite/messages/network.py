"""Optimising a network, and a process that holds a copy of it."""

from __future__ import annotations

from dataclasses import dataclass

from suite.messages.answer import Answer
from suite.processes.channel import Request
from suite.ranges import Count, Seconds

Samples = tuple[Seconds, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    forks: bool
    """Whether every first request gets a fork of the process, and others that fork, too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadNetwork(Request[Answer[Loaded]]):
    """Load a network and what it is called with."""

    path: str
    """A file that holds both."""
    threads: int
    files: tuple[tuple[str, str], ...] = ()
    """Python files to import first, each with the prefix of its module's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """How arms are to be timed."""

    seconds: float
    """About how long, once they are warm."""
    least_turns: int
    most_turns: int
    seed: int
    whole: bool
    """Time whole passes, in which no layer is."""
    layers: tuple[str, ...]
    """Paths to time whether an arm replaces them or not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timings:
    """Samples of each arm, in the order of the arms."""

    warm_s: Seconds
    """What the first passes took: packing, and compiling where that was never done here."""
    whole_s: tuple[Samples, ...]
    layers_s: tuple[dict[str, Samples], ...]
    """By the layer's path."""
    pack_bytes: tuple[dict[str, Count], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeArms(Request[Answer[Timings]]):
    """Time variants of the network that was loaded."""

    arms: str
    """Path of a file that holds them."""
    asked: Asked
    is_first: bool
    """Of those that share a process."""
