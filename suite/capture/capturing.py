"""From a model's name to scenarios: reading the words that name it, counting what it executed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from suite.conditions import DTYPE_BYTES, Scenario
from suite.errors import UsageError, did_you_mean
from suite.messages.capture import Capture, Executed
from suite.problem import Problem
from suite.processes.peer import Peer, ProcessFailed
from suite.workload import Input

INPUT_DTYPES = (*DTYPE_BYTES, "int64", "int32", "uint8", "bool", "complex64", "complex128")
_INPUT = re.compile(
    r"(?:(?P<keyword>[^\W\d]\w*)?(?:\[(?P<key>[^]]+)\])?=)?(?P<shape>\d+(?:x\d+)*)(?::(?P<dtype>.*))?"
)
_SAVED = (".pt", ".pth", ".pt2", ".ts", ".onnx", ".safetensors")
"""Ends of files that hold a model, or its weights, and no code."""
MOST_ID_LENGTH = 100
_NO_ID = re.compile(r"[^A-Za-z0-9_.:+-]")


def as_id(text: str) -> str:
    """Return a text as a name or id of a scenario file may be written."""
    # The end of a long path tells more than its beginning; room for a number is left.
    return _NO_ID.sub("_", text)[-MOST_ID_LENGTH + 5 :].lstrip("_.:+-") or "model"


class Target(NamedTuple):
    """Where the model is."""

    module: str
    """The path of a .py file, or a dotted name."""
    name: str
    """What it is called there."""

    @classmethod
    def parse(cls, text: str) -> Target:
        """Return what "model.py:build" or "package.module:Class" names.

        Raises:
            UsageError: neither of these; no such file.
        """
        module, _, name = text.rpartition(":")
        is_dotted = all(part.isidentifier() for part in module.split("."))
        if not all(part.isidentifier() for part in name.split(".")) or not (
            is_dotted or module.endswith(".py")
        ):
            saved = "; a saved model is loaded by such a function" if text.endswith(_SAVED) else ""
            raise UsageError(
                f'"{text}" names no model; give FILE.py:CALLABLE or package.module:CALLABLE, '
                f"where CALLABLE is a module, or a class or function that builds one{saved}"
            )
        if module.endswith(".py"):
            if not Path(module).is_file():
                siblings = (str(path) for path in Path(module).parent.glob("*.py"))
                raise UsageError(f"{module}: no such file.{did_you_mean(module, siblings)}")
            module = str(Path(module).resolve())
        return cls(module, name)

    @property
    def title(self) -> str:
        """A name for the scenario file: "models-resnet18"."""
        stem = Path(self.module).stem if self.module.endswith(".py") else self.module
        return as_id(f"{stem.rpartition('.')[2]}-{self.name}")


def parse_input(text: str, usual_dtype: str | None, *, asked_by: str) -> Input:
    """Return what "1x3x224x224", "mask=1x77:int64" or "batch[image]=1x3x8x8" describes.

    Args:
        usual_dtype: where the text names none; None: the model's own.
        asked_by: what the text was given by, for the message.

    Raises:
        UsageError: no shape, or an unknown dtype.
    """
    match = _INPUT.fullmatch(text)
    if match is None:
        raise UsageError(
            f'{asked_by} "{text}" is no shape; give its sizes such as 1x3x224x224, with a dtype '
            "behind it where it is another than the model's: 1x77:int64; before it the name of a "
            "keyword argument (mask=1x77), the key of a dict ([image]=1x3x8x8), or both "
            "(batch[image]=1x3x8x8)"
        )
    dtype = match["dtype"]
    if dtype is not None and dtype not in INPUT_DTYPES:
        raise UsageError(
            f'{asked_by} "{text}": dtype "{dtype}" is unknown; accepted: '
            f"{', '.join(INPUT_DTYPES)}.{did_you_mean(dtype, INPUT_DTYPES)}"
        )
    return Input(
        shape=tuple(map(int, match["shape"].split("x"))),
        dtype=dtype or usual_dtype,
        keyword=match["keyword"],
        key=match["key"],
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Captured:
    """What a model executed in one pass."""

    scenarios: tuple[Scenario, ...]
    """One for each different convolution, in the order of first execution, with occurrences."""
    modules: dict[str, tuple[str, ...]]
    """Scenario id → the paths of the modules that executed it, as far as they are known; what
    no id may hold is an underscore."""
    others: dict[str, int]
    """Kinds of convolution that no scenario can describe → how often each was executed."""
    stored: dict[str, str] = dataclasses.field(default_factory=dict)
    """Scenario id → name of the file with its values, of those whose values were kept."""

    @property
    def convolutions(self) -> int:
        return sum(scenario.occurrences for scenario in self.scenarios)

    @property
    def others_text(self) -> str:
        """Return what was left out: "2 × conv_transpose2d, 1 × conv1d"."""
        return ", ".join(f"{count} × {kind}" for kind, count in self.others.items())


class TooSlow(UsageError):
    """A model did not answer in time."""


def capture(
    target: Target,
    inputs: Sequence[Input],
    *,
    source: str,
    dtype: str | None,
    timeout_s: float,
    memory_limit_bytes: int,
    log: Path,
    asked_by: str,
    store_in: Path | None = None,
) -> Captured:
    """Run a model once in a process of its own and return what it executed.

    Args:
        source: name of the scenario file to be: the first part of every id.
        dtype: what the model is converted to; None: as it is built.
        asked_by: what the inputs were given by, for the message.
        store_in: a folder for each layer's weight, bias and some of its input; None: not kept.

    Raises:
        TooSlow: it takes longer than it may, or hangs.
        UsageError: it cannot be imported, built or run, crashes, or runs no convolution.
    """
    peer = Peer(
        "suite.capture.child.process:main",
        name=target.name,
        log=log,
        memory_limit_bytes=memory_limit_bytes,
    )
    request = Capture(
        module=target.module,
        name=target.name,
        folder=str(Path.cwd()),
        inputs=tuple(inputs),
        dtype=dtype,
        asked_by=asked_by,
        store_in=None if store_in is None else str(store_in),
    )
    try:
        executions = peer.ask(request, timeout_s=timeout_s)
    except ProcessFailed as failed:
        problem = f"{target.module}:{target.name}: {failed.reason}"
        if failed.status == "timeout":
            raise TooSlow(problem) from None
        raise UsageError(problem) from None
    finally:
        peer.close()
    if executions.failure:
        raise UsageError(executions.failure)
    captured = count(executions.convolutions, executions.others, source)
    if not captured.scenarios:
        others = f", only {captured.others_text}" if captured.others else ""
        raise UsageError(
            f"{target.module}:{target.name}: it ran and executed no convolution in "
            f"{', '.join(DTYPE_BYTES)}{others}, so there is nothing to benchmark"
        )
    return captured


def count(convolutions: Iterable[Executed], others: dict[str, int], source: str) -> Captured:
    """Return equal convolutions as one scenario each, named after the first module that ran it."""
    executed: dict[Scenario, list[str]] = {}
    files: dict[Scenario, str] = {}
    for call in convolutions:
        scenario = Scenario(
            id="",
            problem=call.problem,
            dtype=call.dtype,
            memory_format=call.memory_format,
            source=source,
        )
        executed.setdefault(scenario, []).append(call.module)
        if call.stored is not None:
            files.setdefault(scenario, call.stored)
    taken: set[str] = set()
    scenarios, modules, stored = [], {}, {}
    for scenario, paths in executed.items():
        identity = _unused(_identity(paths[0], scenario.problem), taken)
        taken.add(identity)
        named = dataclasses.replace(scenario, id=f"{source}/{identity}", occurrences=len(paths))
        scenarios.append(named)
        if scenario in files:
            stored[named.id] = files[scenario]
        modules[named.id] = tuple(dict.fromkeys(_NO_ID.sub("_", path) for path in paths if path))
    return Captured(scenarios=tuple(scenarios), modules=modules, others=others, stored=stored)


def _identity(path: str, problem: Problem) -> str:
    """Return a module's path as an id; its sizes where no module is known."""
    if not path:
        path = (
            f"in{problem.in_channels}-out{problem.out_channels}"
            f"-{'x'.join(map(str, problem.input_size))}-k{'x'.join(map(str, problem.kernel))}"
        )
    return as_id(path)


def _unused(identity: str, taken: set[str]) -> str:
    number = 2
    candidate = identity
    while candidate in taken:
        candidate = f"{identity}:{number}"
        number += 1
    return candidate
