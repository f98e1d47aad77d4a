"""Mutated declarations of a plug-in, from `register` to every report.

    python -m tests.studies.strangers.declarations 500 [SEED] [PASSED OVER]

Each is registered as a plug-in would, asked what the process that imports it asks, sent as that
process sends it, listed, put into a cell's result as a worker's answers are, written and reported.
What `register` or a formula refuses is a message with the plug-in's file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands._saying import say
from reports import terminal
from suite.conditions import Scenario
from suite.errors import UsageError
from suite.ranges import Misfit
from suite.records import from_json, to_json
from suite.registry import registering
from suite.registry.description import Description
from suite.registry.process import described
from suite.results.cell import CellResult, Status
from suite.results.folder import ResultWriter, Run, write_manifest
from tests.studies.strangers.answers import Answers, start
from tests.studies.strangers.mutations import NUMBERS, STEERING, other_value
from tests.studies.strangers.runs import FORMATS, small

SOUND: dict[str, Any] = {
    "name": "mine",
    "family": "direct",
    "devices": ("cpu", "cuda"),
    "dtypes": ("float32",),
    "precision": None,
    "error_factor": None,
    "nan_policy": "receptive_field",
    "on_request": False,
}
FORMULAS = ("workspace_bytes", "executed_flops", "supports", "available", "accuracy_note")


class Unprintable:
    """A value of somebody else's type, which fails wherever it is touched."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __bool__ = __float__ = __int__ = __repr__


def hostile(draw: random.Random) -> Any:
    """Return a value that no declaration should have."""
    others = (Unprintable(), "x" * 100_000, 10**400, math.nan, math.inf, [1], {"a": 1}, b"bytes")
    return draw.choice((draw.choice(NUMBERS), draw.choice(STEERING), draw.choice(others)))


def formula(draw: random.Random) -> Callable[..., Any]:
    value = hostile(draw)

    def given(*_: Any) -> Any:
        if draw.random() < 0.2:
            raise RuntimeError(value)
        return value

    return given


def declaration(draw: random.Random) -> tuple[dict[str, Any], str]:
    """Return the arguments of `register` with one to three of them mutated, and which."""
    arguments = dict(SOUND)
    names = draw.sample([*SOUND, *FORMULAS, "summary"], draw.randint(1, 3))
    for name in names:
        if name in FORMULAS:
            arguments[name] = formula(draw)
        elif name == "summary":
            arguments[name] = f"{draw.choice(STEERING)} {draw.choice(STEERING)}"
        else:
            value = arguments[name]
            changed = list(value) if isinstance(value, tuple) else value
            arguments[name] = draw.choice((hostile(draw), other_value(changed, draw)))
    return arguments, ", ".join(names)


def registered(arguments: dict[str, Any]) -> registering.Implementation:
    """Register a function with these arguments, as a plug-in's decorator does."""

    def function(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: Any = 1,
    ) -> None: ...

    arguments = dict(arguments)
    function.__doc__ = arguments.pop("summary", "A convolution.")
    registering._registered.clear()
    registering.register(**arguments)(function)
    (implementation,) = registering.registered()
    return implementation


def result_of(implementation: registering.Implementation, sound: CellResult) -> CellResult:
    """Return a cell's result with what a worker tells of an implementation."""
    problem = sound.scenario.problem
    return dataclasses.replace(
        sound,
        implementation=implementation.name,
        family=implementation.family,
        precision=implementation.precision,
        error_factor=implementation.error_factor,
        workspace_bytes=implementation.declared_workspace_bytes(problem, 4),
        executed_flops=implementation.declared_executed_flops(problem),
    )


def study(count: int, seed: int, passed_over: int, scratch: Path, answers: Answers) -> None:
    """Answer `count` mutations; the same seed makes the same ones."""
    run = small()
    passed = next(result for result in run.results if result.status is Status.PASSED)
    known = dict(registering._registered)
    try:
        for number in range(passed_over, passed_over + count):
            arguments, label = declaration(random.Random(f"{seed} {number}"))

            out = io.StringIO()

            def whole(arguments: dict[str, Any] = arguments, out: io.StringIO = out) -> int:
                shutil.rmtree(scratch / "run", ignore_errors=True)
                with contextlib.redirect_stdout(out):
                    return _answer(arguments, run, passed, scratch)

            code = answers.of_call(whole, f"declaration: {number}: {label}")
            answers.look_at(out.getvalue(), code, f"declaration: {number}: {label}")
            if (scratch / "run").exists():
                words = [word for name in FORMATS for word in ("--format", name)]
                words += ["--out", str(scratch / "out")]
                answers.of_command(["report", str(scratch / "run"), *words], label)
    finally:
        registering._registered.clear()
        registering._registered.update(known)


def _answer(arguments: dict[str, Any], run: Run, passed: CellResult, scratch: Path) -> int:
    """Take one declaration all the way; 2 where it is refused with a message."""
    try:
        implementation = registered(arguments)
    except UsageError as error:
        say(error)
        return 2
    except (TypeError, ValueError, AttributeError, RuntimeError):
        return 2  # raised while the plug-in is imported: one line with its file, line and error
    scenario: Scenario = passed.scenario
    description = Description(
        implementations=(described(implementation, [scenario]),), failure=None
    )
    try:
        (told,) = from_json(Description, to_json(description)).implementations
    except Misfit:
        return 2  # the process is said to have answered what it may not
    shown = terminal.table("implementation", "family", "what it is")
    shown.add_row(told.declared.name, told.declared.family, told.unavailable or "")
    terminal.console().print(shown)
    reason = told.unsupported.get(scenario.id)
    try:
        result = result_of(implementation, passed)
    except UsageError as error:
        reason = str(error)
        result = dataclasses.replace(passed, implementation=implementation.name)
    except RuntimeError:  # the formula's own, which the worker reports as the cell's error
        reason = "RuntimeError"
        result = dataclasses.replace(passed, implementation=implementation.name)
    if reason:
        result = dataclasses.replace(
            result, status=Status.UNSUPPORTED, reason=reason, blocks=(), residuals=None
        )
    folder = scratch / "run"
    folder.mkdir(exist_ok=True)
    write_manifest(folder, json.loads(json.dumps(run.manifest)))
    writer = ResultWriter(folder)
    writer.add(result)
    writer.close()
    return 0


if __name__ == "__main__":
    start(study, 500)
