"""Whose turns show what a turn takes besides calls: a row of the suite's own.

A plug-in's process may tell any time, more than is true included, which would leave nothing for
the suite's work and blame whoever is honest.
"""

from __future__ import annotations

from pathlib import Path

from suite.declaration import Declaration
from suite.measuring.arm import Arm
from suite.registry.sources import Source

TREE = Path(__file__).resolve().parents[2]


def is_own(arm: Arm) -> bool:
    """Whether an arm's process runs the suite's own code alone."""
    return arm.source.tree == str(TREE) and not arm.source.is_plugin


def control_arm() -> Arm:
    """Return an arm for a race that has none of the suite's own as its reference."""
    source = Source("suite.worker.control", str(TREE))
    declared = Declaration(name="control", family="vendor", source=source.location)
    return Arm(declared, source, label="the suite's own convolution")
