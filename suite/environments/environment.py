"""An environment that is ready: its Python, what it has, and how it differs from another."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from suite.environments.asked import HERE, AskedEnvironment
from suite.environments.facts import PythonFacts, ask_python
from suite.environments.made import Say, python_with
from suite.own_imports import environment_to_find_us_elsewhere
from suite.processes.caches import NUMBA, for_compiled_code, user_cache
from suite.processes.interpreter import Interpreter
from suite.processes.scratch import own_folder

FIRST = ("torch", "numpy", "numba")
"""Packages that are named first among those that differ."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A Python with its packages, and the variables that it is started with."""

    name: str
    interpreter: Interpreter
    facts: PythonFacts

    @property
    def is_this_one(self) -> bool:
        return self.interpreter.python is None and not self.interpreter.variables


def ready(asked: AskedEnvironment, asked_by: str, say: Say) -> Environment:
    """Return the environment that was asked for, made if it has to be.

    Args:
        asked_by: the option that it was given by, for messages.

    Raises:
        UsageError: it cannot be had, or cannot run implementations.
    """
    where = f'{asked_by} "{asked.text}"'
    python = asked.python
    if asked.requirements:
        python = python_with(asked.requirements, where, say)
    if python is not None and Path(python) == Path(sys.executable):
        python = None
    facts = ask_python(python or sys.executable, asked.variables, where)
    return Environment(
        name=asked.text,
        interpreter=Interpreter(
            python=python,
            finding=_finding(python),
            own_variables=_compiled_code(facts) if python else {},
            variables=asked.variables,
        ),
        facts=facts,
    )


def here() -> Environment:
    """Return this environment as it is."""
    return ready(AskedEnvironment(text=HERE), HERE, lambda _: None)


def _finding(python: str | None) -> dict[str, str] | None:
    if python is None:
        return None
    folder = own_folder() / "found"
    folder.mkdir(exist_ok=True)
    return environment_to_find_us_elsewhere(folder)


def _compiled_code(facts: PythonFacts) -> dict[str, str]:
    """Return where another version of Numba keeps what it compiled: one index is of one version,
    and two in turns would each compile everything anew."""
    numba = facts.packages.get("numba")
    if numba is None or numba == _our_numba():
        return for_compiled_code()
    return {NUMBA: str(user_cache() / f"numba-{numba}")}


def _our_numba() -> str | None:
    import importlib.metadata  # noqa: PLC0415 - 25 ms that only another environment needs

    try:
        return importlib.metadata.version("numba")
    except importlib.metadata.PackageNotFoundError:
        return None


def differences(base: Environment, head: Environment) -> tuple[str, ...]:
    """Return in what two environments differ, what matters most first; empty: they are equal."""
    found = tuple(_differences(base, head))
    ours, theirs = base.facts.prefix, head.facts.prefix
    return found if found or ours == theirs else (f"{ours} → {theirs}",)


def _differences(base: Environment, head: Environment) -> Iterator[str]:
    old, new = base.interpreter.variables, head.interpreter.variables
    for name in sorted(old.keys() | new.keys()):
        first, second = (side.get(name, os.environ.get(name)) for side in (old, new))
        if first != second:
            yield f"{name} {_shown(first)} → {_shown(second)}"
    ours, theirs = (
        f"{f.implementation.replace('cpython', 'Python')} {f.version}"
        for f in (base.facts, head.facts)
    )
    if ours != theirs:
        yield f"{ours} → {theirs}"
    before, after = base.facts.packages, head.facts.packages
    for name in sorted(before.keys() | after.keys(), key=_turn):
        if before.get(name) != after.get(name):
            yield f"{name} {before.get(name, 'absent')} → {after.get(name, 'absent')}"


def _shown(value: str | None) -> str:
    return "unset" if value is None else value or '""'


def _turn(name: str) -> tuple[int, str]:
    is_of_torch = re.match(r"nvidia-|cuda-|triton", name) is not None
    return (FIRST.index(name) if name in FIRST else 4 if is_of_torch else 3, name)
