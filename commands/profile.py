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
from commands.arguments import (
    Parser,
    add_instructions,
    add_measuring,
    add_selection,
    at_least,
)
from suite.errors import UsageError, did_you_mean
from suite.scenario import ScenarioFile, load_files

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
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="results folder (default: results/<time>-<name>)"
    )
    parser.add_argument(
        "--blocks",
        type=at_least(1, int),
        default=BLOCKS,
        metavar="N",
        help=f"most fresh processes that a cell is timed in (default {BLOCKS})",
    )
    parser.add_argument(
        "--reference",
        default="torch",
        metavar="NAME",
        help="implementation that speed-ups are measured against (default torch)",
    )
    add_instructions(parser)
    parser.set_defaults(profile=True, budget=None, resume=False, shard=None, no_verify=False)


def main(options: argparse.Namespace) -> int:
    limit: dict[str, None] = {"most": None} if options.yes else {}
    options.files, options.scenario = chosen(options.named, **limit)
    return run.main(options)


def chosen(names: Sequence[str], **limit: None) -> tuple[list[str], list[str]]:
    """Return the files and the ids of the scenarios that were named.

    Raises:
        UsageError: neither a file nor a scenario of one; names the nearest.
    """
    files: dict[str, None] = {}
    wanted: dict[str, None] = {}
    for name in names:
        file, pattern = _split(name, **limit)
        found = [s.id for s in file.scenarios if pattern is None or _matches(s.id, file, pattern)]
        if not found:
            identities = [scenario.id for scenario in file.scenarios]
            raise UsageError(
                f"{name}: {file.path} has no scenario of that name."
                f"{did_you_mean(f'{file.name}/{pattern}', identities)} "
                f"It has {len(identities)}, first {identities[0]}; `validate {file.path} --expand` "
                "shows all"
            )
        files[str(file.path)] = None
        wanted |= dict.fromkeys(found)
    return list(files), [glob.escape(identity) for identity in wanted]


def _matches(identity: str, file: ScenarioFile, pattern: str) -> bool:
    return fnmatchcase(identity, f"{file.name}/{pattern}") or fnmatchcase(identity, pattern)


def _split(name: str, **limit: None) -> tuple[ScenarioFile, str | None]:
    """Return the file and the pattern of FILE/ID; no pattern where all of it is a file."""
    parts = name.split("/")
    first_error: UsageError | None = None
    for count in range(len(parts), 0, -1):
        place = "/".join(parts[:count])
        if count < len(parts) and Path(place or "/").is_dir():
            break
        try:
            file = load_files([place], **limit)[0]
        except UsageError as error:
            first_error = first_error or error
            if Path(place).is_file():
                raise
            if count == 1 and len(parts) > 1:
                raise UsageError(
                    f"{name}: neither a scenario file nor a scenario of one: {error}"
                ) from error
            continue
        return file, "/".join(parts[count:]) or None
    assert first_error is not None
    raise first_error
