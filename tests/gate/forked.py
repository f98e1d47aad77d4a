"""Sides of a gate that are forked: a block starts two or three, and each takes 3 s to import torch.

A gate starts interpreters, so that every block draws its layout anew. That makes a verdict surer;
what is found, judged and said does not depend on it.
"""

from __future__ import annotations

from typing import Any

from suite.gate import side
from suite.processes.interpreter import Interpreter
from suite.processes.peer import Peer


def start(*args: Any, environment: Any, interpreter: Interpreter, **named: Any) -> Peer:
    """Start a side's process: a fork, where it would be this Python as it is."""
    if interpreter == Interpreter():
        return Peer(*args, **named)
    return Peer(*args, environment=environment, interpreter=interpreter, **named)


def fork_sides() -> None:
    """Have every gate of this process do so from now on."""
    side.Peer = start  # type: ignore[misc, assignment]
