"""`profile`: show where the time and the memory of some cells go.

A short run of the cells named, gates included, and then their profiles. The result is a run's
folder like any other: the report's section on profiles is the same as that of `run --profile`.
"""

from __future__ import annotations

import argparse
import glob
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from commands import run
from commands._asking import asked_files, given
from commands._folders import measuring
from commands._options import add_measuring, add_selection
from commands._preparing import load
from commands.arguments import Parser
from reports import terminal
from suite.errors import UsageError, did_you_mean
from suite.results.request import RunRequest
from suite.scenario import ScenarioFile

BLOCKS = 2
"""The time of a cell is wanted for its bound, not for a verdict."""


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "named",
        nargs="+",
        metavar="SCENARIO",
        help="a scenario of a file, FILE/ID such as 'vgg19/*conv3_2', or a whole file",
    )
    add_selection(parser)
    add_measuring(parser)
    run.add_run_options(parser, f"{BLOCKS}")


def main(options: argparse.Namespace) -> int:
    files, scenarios = chosen(options.named, yes=bool(options.yes))
    usual = {"blocks": BLOCKS, "profile": True}
    request = RunRequest(
        **{
            **usual,
            **given(RunRequest, options),
            "files": asked_files(files),
            "scenarios": tuple(scenarios),
        }
    )
    console = terminal.console()
    with measuring(options, console, options.out):
        return run.begin(request, options.out, console, verbose=options.verbose)


def chosen(names: Sequence[str], *, yes: bool = False) -> tuple[list[str], list[str]]:
    """Return the files and the ids of the scenarios that were named.

    Raises:
        UsageError: neither a file nor a scenario of one; names the nearest.
    """
    files: dict[Path, str] = {}
    wanted: dict[str, None] = {}
    for name in names:
        file, file_name, pattern = _split(name, yes)
        matching = [
            s.id for s in file.scenarios if pattern is None or _matches(s.id, file, pattern)
        ]
        if not matching:
            identities = [scenario.id for scenario in file.scenarios]
            raise UsageError(
                f"{name}: {file.path} has no scenario of that name."
                f"{did_you_mean(f'{file.name}/{pattern}', identities)} "
                f"It has {len(identities)}, first {identities[0]}; `validate {file.path} --expand` "
                "shows all"
            )
        files.setdefault(file.path, file_name)
        wanted |= dict.fromkeys(matching)
    return list(files.values()), [glob.escape(identity) for identity in wanted]


def _matches(identity: str, file: ScenarioFile, pattern: str) -> bool:
    return fnmatchcase(identity, f"{file.name}/{pattern}") or fnmatchcase(identity, pattern)


def _split(name: str, yes: bool) -> tuple[ScenarioFile, str, str | None]:
    """Return file, its name and the pattern of FILE/ID; no pattern where all of it is a file."""
    parts = name.split("/")
    first_error: UsageError | None = None
    for count in range(len(parts), 0, -1):
        file_name = "/".join(parts[:count])
        if count < len(parts) and Path(file_name or "/").is_dir():
            break
        try:
            file = load([file_name], yes=yes)[0]
        except UsageError as error:
            first_error = first_error or error
            if Path(file_name).is_file():
                raise
            if count == 1 and len(parts) > 1:
                raise UsageError(
                    f"{name}: neither a scenario file nor a scenario of one: {error}"
                ) from error
            continue
        return file, file_name, "/".join(parts[count:]) or None
    assert first_error is not None
    raise first_error
