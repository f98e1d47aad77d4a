"""`report`: rebuild what is derived from a run, or from its shards together."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from commands._reporting import write_report
from commands._saying import say
from commands.arguments import Parser
from reports import terminal
from reports.progress import waiting
from suite.errors import EXIT_GOOD, EXIT_NOT_COMPARABLE
from suite.results.comparable import named_differences, shared_manifest
from suite.results.folder import Run, read_manifest, read_results, read_run
from suite.results.inside import copy_inside


def add_arguments(parser: Parser) -> None:
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="a run, or its shards")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to (default: the folder)")
    parser.add_argument(
        "--format", action="append", default=[], metavar="NAME", help="only these formats"
    )


def main(options: argparse.Namespace) -> int:
    console = terminal.console()
    with waiting("reading the run", console):
        finished = read_run(options.folders)
    if len(options.folders) > 1:
        finished = _with_differences(finished, options.folders)
    out = options.out or options.folders[0]
    _take_along(finished, options.folders, out)
    for path in write_report(finished, out, console, options.format or None):
        say(path)
    return EXIT_NOT_COMPARABLE if finished.manifest.get("apart") else EXIT_GOOD


def _with_differences(finished: Run, folders: list[Path]) -> Run:
    """Say which folders may not be compared with the first, here and in what is written."""
    parts = [Run(at, read_manifest(at), tuple(read_results(at))) for at in folders]
    apart = named_differences(parts)
    for text in apart:
        say(f"not comparable with {folders[0]}: {text}")
    manifest = shared_manifest([part.manifest for part in parts])
    return dataclasses.replace(finished, manifest={**manifest, "apart": apart})


def _take_along(finished: Run, folders: list[Path], out: Path) -> None:
    """Copy the traces of profiled cells, which the page links to.

    Raises:
        UsageError: they cannot be written.
    """
    for folder in folders:
        if folder.resolve() != out.resolve():
            for profile in finished.profiles.values():
                for name in profile.files.values():
                    copy_inside(folder, out, name)
