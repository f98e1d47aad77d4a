"""Which row computes a layer of a network, and under which conditions that was found."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from suite.problem import Problem
from suite.tuning.store import Conditions, Row, fingerprint_of, machine_facts


@dataclass(frozen=True)
class Plan:
    """One problem under one set of conditions, and the row that computes it in torch's place."""

    problem: Problem
    """As an implementation is called: see `Problem.as_called`."""
    conditions: Conditions
    row: Row
    fingerprint: str
    """Of the machine and the torch it was measured on: on others, torch computes the layer."""
    apart: bool = False
    """Whether torch computes what follows the convolution, though the row might fuse it."""


@functools.lru_cache(maxsize=1)
def fingerprint_here(torch_version: str) -> str:
    """Return this machine's fingerprint with a torch, as plans have it."""
    return fingerprint_of(machine_facts(torch_version))
