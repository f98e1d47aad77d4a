"""What was asked of a command that measures, as one value, and the command that asks it again.

Made from the command line, kept in the manifest, read back by `--resume`. This is the only place
that spells a command: whatever says "do it again" takes its words from here.
"""

from __future__ import annotations

import glob
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from suite.program import PROGRAM
from suite.ranges import AtLeastOne, Misfit, Seconds, Share, Within, shown


@dataclass(frozen=True)
class AskedFile:
    """A file or folder as it was named, and where that was."""

    given: str
    path: str
    """Absolute, so that it is found from another folder too."""

    def __str__(self) -> str:
        return self.given

    @property
    def from_here(self) -> str:
        """Return what names it in the folder that one stands in now.

        As it was given where that still leads there, as the name of a shipped file does from
        everywhere; else by its path, a relative one where it lies below this folder.
        """
        path = Path(self.path)
        is_shipped_name = path.stem == self.given and path.suffix in (".yaml", ".yml")
        if not path.is_absolute() or is_shipped_name:
            return self.given
        try:
            here = Path.cwd()
            leads_there = Path(self.given).resolve() == path
        except OSError:  # the folder was removed
            return self.path
        if leads_there:
            return self.given
        return str(path.relative_to(here)) if path.is_relative_to(here) else self.path


@dataclass(frozen=True)
class Shard:
    """The `index`-th of `count` parts.

    Raises:
        Misfit: there is no such part.
    """

    index: AtLeastOne
    count: AtLeastOne

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise Misfit(f"found {self}, expected I/N with I from 1 to N")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


@dataclass(frozen=True)
class Precision:
    """To what speed-ups are to be known."""

    percent: Annotated[float, Within(0.1, 50)] = 2.0
    """Half the width of a 95 % interval, of rows that may be the fastest or were asked for."""
    every_row: bool = False
    """Whether also of rows that have surely lost."""

    def __str__(self) -> str:
        return "all" if self.every_row else f"{self.percent:g}"


def asked_by(option: str, usual: Any = None, *, kept_as: str = "") -> Any:
    """Return a field that the command line spells `option`; left out where it is `usual`.

    Args:
        kept_as: what the parsed arguments call it, where another field is spelled so, too.
    """
    kept_as = kept_as or option.removeprefix("--").replace("-", "_")
    return field(default=usual, metadata={"option": option, "kept_as": kept_as})


@dataclass(frozen=True, kw_only=True)
class Request:
    """What every command that measures is asked: what, with what, where, under which limits.

    None and empty leave it to the suite. The defaults of all options stand here and in the classes
    below, and nowhere else.
    """

    command: ClassVar[str]

    files: tuple[AskedFile, ...] = ()
    """Scenario files; a name of a shipped one is `given` as that name."""
    scenarios: tuple[str, ...] = asked_by("--scenario", ())
    implementations: tuple[str, ...] = asked_by("--impl", ())
    plugins: tuple[AskedFile, ...] = asked_by("--plugin", ())
    device: str | None = asked_by("--device")
    """None: the scenarios' own."""
    threads: AtLeastOne | None = asked_by("--threads")
    timeout_s: Seconds = asked_by("--timeout", 60.0)
    memory_limit_gib: Annotated[float, Within(0, 1e9)] | None = asked_by("--memory-limit")
    """None: most of what is free when the run begins."""
    yes: bool = asked_by("--yes", False)

    def words(self) -> list[str]:
        """Return the command's words that ask for the same again, without the program's.

        They do so in the folder that one stands in.
        """
        words = [self.command, *(file.from_here for file in self.files)]
        for option, asked in self.options():
            if getattr(self, asked.name) != asked.default:
                words += spelled(option, getattr(self, asked.name))
        return words

    def command_line(self, *more: str) -> str:
        """Return the whole command, quoted for a shell, `more` words at its end."""
        return shlex.join([*PROGRAM, *self.words(), *more])

    def of_cell(self, scenario: str, implementation: str) -> Self:
        """Return the request for one cell alone, measured in the same way."""
        return replace(
            self,
            scenarios=(glob.escape(scenario),),
            implementations=(glob.escape(implementation),),
        )

    def to_dict(self) -> dict[str, Any]:
        return {"command": self.command, **asdict(self)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return what `to_dict` made, also from JSON; what it does not know is left out.

        Raises:
            Misfit: what it knows is not what it has to be.
        """
        # Only here: the command line's grammar, which imports this, has to be instant.
        from suite.records import from_plain  # noqa: PLC0415

        names = {asked.name for asked in fields(cls)} & record.keys()
        return from_plain(cls, {name: record[name] for name in names})

    @classmethod
    def options(cls) -> Iterator[tuple[str, Field[Any]]]:
        """Yield the options and the field that each fills, in the order they are spelled in."""
        for asked in fields(cls):
            if "option" in asked.metadata:
                yield asked.metadata["option"], asked


@dataclass(frozen=True, kw_only=True)
class ModelRequest(Request):
    """A command that measures a whole network in place of scenario files, where it is asked to."""

    model: AskedFile | None = asked_by("--model")
    """"FILE.py:BUILD"."""
    inputs: tuple[str, ...] = asked_by("--input", ())
    dtype: str | None = asked_by("--dtype")
    train: bool = asked_by("--train", False)
    more_threads: tuple[AtLeastOne, ...] = asked_by("--threads", (), kept_as="more_threads")
    """Besides `threads`: each number of them is a scenario of its own."""

    @property
    def thread_counts(self) -> tuple[int, ...]:
        """All that were asked for; none where that is left to the suite."""
        return () if self.threads is None else (self.threads, *self.more_threads)

    def of_cell(self, scenario: str, implementation: str) -> Self:
        """Return the request for one cell; a model is one scenario for each number of threads."""
        one = super().of_cell(scenario, implementation)
        if self.model is None:
            return one
        own = (n for n in self.thread_counts if scenario.endswith(f"-t{n}") and self.more_threads)
        return replace(one, scenarios=(), threads=next(own, self.threads), more_threads=())


@dataclass(frozen=True, kw_only=True)
class RunRequest(ModelRequest):
    """What a `run` is asked; a `profile` asks for a run, too."""

    command: ClassVar[str] = "run"

    reference: str = asked_by("--reference", "torch")
    precision: Precision = asked_by("--precision", Precision())
    blocks: AtLeastOne | None = asked_by("--blocks")
    """None: as many as the precision takes, within reason."""
    energy: bool = asked_by("--energy", False)
    verify: bool = asked_by("--no-verify", True)
    shard: Shard | None = asked_by("--shard")
    on: str | None = asked_by("--on")
    """Where to measure, if not here: see `suite.fleet.where`."""
    each: bool = asked_by("--each", False)
    """Whether every different machine measures everything."""
    budget_s: Seconds | None = asked_by("--budget")
    profile: bool = asked_by("--profile", False)
    instructions: bool = asked_by("--instructions", False)
    environments: tuple[str, ...] = asked_by("--env", ())
    """Besides this one; the rows in them are called `torch@ENV`."""
    optimize_budget_s: Seconds = asked_by("--optimize-budget", 60.0)

    def of_cell(self, scenario: str, implementation: str) -> Self:
        """Return the request for one cell; shard and budget are about all of them."""
        for environment in self.environments:
            implementation = implementation.removesuffix(f"@{' '.join(environment.split())}")
        of_cell = super().of_cell(scenario, implementation)
        return replace(of_cell, shard=None, budget_s=None, on=None, each=False)

    def resuming(self, out: str) -> str:
        """Return the command that finishes this run in the folder `out`, however long it takes."""
        return replace(self, budget_s=None).command_line("--out", out, "--resume")


@dataclass(frozen=True, kw_only=True)
class GateRequest(ModelRequest):
    """What a `gate` is asked: the rest, and head against what."""

    command: ClassVar[str] = "gate"

    base: str | None = asked_by("--base")
    baseline: AskedFile | None = asked_by("--baseline")
    head: str | None = asked_by("--head")
    base_env: str | None = asked_by("--base-env")
    """None, with a head's: this environment."""
    head_env: str | None = asked_by("--head-env")
    repo: AskedFile | None = asked_by("--repo")
    margin: Share | None = asked_by("--margin")
    """None: what is usual on the device."""
    blocks: AtLeastOne | None = asked_by("--blocks")
    accept: tuple[str, ...] = asked_by("--accept", ())
    budget_s: Seconds | None = asked_by("--budget")

    def of_cell(self, scenario: str, implementation: str) -> Self:
        """Return the request for one cell; the budget is about all of them."""
        return replace(super().of_cell(scenario, implementation), budget_s=None)


def spelled(option: str, value: Any) -> list[str]:
    """Return the words that give an option a value; a switch has none."""
    if isinstance(value, bool):
        return [option]
    words = []
    for each in value if isinstance(value, tuple) else (value,):
        text = each.from_here if isinstance(each, AskedFile) else str(each)
        text = text.removesuffix(".0") if isinstance(each, float) else text
        words += [f"{option}={text}"] if text.startswith("-") else [option, text]
    return words


def read_request(manifest: Mapping[str, Any]) -> RunRequest | GateRequest | None:
    """Return what a run was asked, or None where its manifest does not tell.

    Raises:
        Misfit: what it tells is no request.
    """
    record = manifest.get("request") or {}
    if not isinstance(record, Mapping):
        raise Misfit(f"found {shown(record)}, expected an object")
    for kind in (RunRequest, GateRequest):
        if record.get("command") == kind.command:
            return kind.from_dict(record)
    return None
