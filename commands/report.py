"""`report`: rebuild what is derived from a run, or from its shards together."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from pathlib import Path

import reports
from commands.arguments import Parser
from suite.errors import EXIT_GOOD, UsageError
from suite.results.comparable import named_differences
from suite.results.folder import Run, read_manifest, read_results, read_run
from suite.results.profile import FOLDER


def add_arguments(parser: Parser) -> None:
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="a run, or its shards")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to (default: the folder)")
    parser.add_argument(
        "--format", action="append", default=[], metavar="NAME", help="only these formats"
    )


def main(options: argparse.Namespace) -> int:
    finished = read_run(options.folders)
    if len(options.folders) > 1:
        finished = _with_differences(finished, options.folders)
    out = options.out or options.folders[0]
    for folder in options.folders:
        _take_along(folder / FOLDER, out / FOLDER)
    if options.format:
        written = [reports.write(name, finished, out) for name in options.format]
    else:
        written = reports.write_all(finished, out)
    for path in written:
        print(path)
    return EXIT_GOOD


def _with_differences(finished: Run, folders: list[Path]) -> Run:
    """Say which folders may not be compared with the first, here and in what is written."""
    parts = [Run(at, read_manifest(at), tuple(read_results(at))) for at in folders]
    apart = named_differences(parts)
    for text in apart:
        print(f"not comparable with {folders[0]}: {text}")
    return dataclasses.replace(finished, manifest={**finished.manifest, "apart": apart})


def _take_along(traces: Path, target: Path) -> None:
    """Copy the traces of profiled cells, which the page links to.

    Raises:
        UsageError: they cannot be written.
    """
    if not traces.is_dir() or traces.resolve() == target.resolve():
        return
    try:
        shutil.copytree(traces, target, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise UsageError(f"{target}: cannot be written: {error}") from error
