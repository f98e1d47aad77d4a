"""Which Python a process is started with, and which variables it finds besides ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing import spawn
from typing import Any

from suite.processes.fork_server import SHORT_SPIN, steady_environment

THREADS = "OMP_NUM_THREADS"
_WAITING = "OMP_WAIT_POLICY"


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python, and variables of the environment. What imports torch there starts anew each time,
    so that neither a fork nor a warm process carries anything from one to the other."""

    python: str | None = None
    """Its path; None: the one that runs this."""
    finding: Mapping[str, str] | None = None
    """Variables with which it finds this program, where that is not as it is found here."""
    own_variables: Mapping[str, str] = field(default_factory=dict)
    """What it needs besides those of every process."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the user chose for it."""

    def environment(self) -> dict[str, str]:
        """Return the variables that its processes find: ours, and over them the user's."""
        ours = steady_environment()
        if _WAITING in self.variables:  # which libgomp would pass over
            ours = {name: value for name, value in ours.items() if name not in SHORT_SPIN}
        return {**ours, **self.own_variables, **self.variables}

    @property
    def threads(self) -> int | None:
        """How many threads the user chose for it; None where that is as everywhere."""
        asked = self.variables.get(THREADS)
        return None if asked is None else int(asked.partition(",")[0])


@contextlib.contextmanager
def starting_with(python: str | None) -> Iterator[None]:
    """Have multiprocessing spawn processes with another Python for a while.

    They would get our search path, and with it our libraries in place of theirs.
    """
    if python is None:
        yield
        return
    ours, prepared = spawn.get_executable(), spawn.get_preparation_data

    def without_our_path(name: str) -> dict[str, Any]:
        data: dict[str, Any] = prepared(name)
        data.pop("sys_path", None)
        return data

    spawn.set_executable(python)
    spawn.get_preparation_data = without_our_path
    try:
        yield
    finally:
        spawn.set_executable(ours)
        spawn.get_preparation_data = prepared
