"""`history`: many runs of one machine, per cell the trend and where its level changed."""

from __future__ import annotations

import argparse
from pathlib import Path

from commands._saying import say
from commands.arguments import Parser
from reports import terminal
from reports.history import files, text
from reports.history.cell_history import history
from reports.progress import tracked
from suite.errors import EXIT_GOOD, EXIT_NOT_COMPARABLE, UsageError
from suite.results.folder import MANIFEST, RESULTS
from suite.results.inside import leads_elsewhere
from suite.results.timed import TimedRun, read_timed_run

LEAST_BYTES = 4096
"""What opening a folder counts."""


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="folders of runs, or folders that hold such folders",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"write {files.MARKDOWN} there, and {files.CSV} with every point",
    )


def main(options: argparse.Namespace) -> int:
    runs, unread = _read(options.folders)
    past = history(runs)
    say(*text.lines(past, terminal.console().width), *unread)
    if options.out:
        say(*files.write(past, options.out))
    is_whole = len(past.runs) > 1 and not past.left_out
    return EXIT_GOOD if is_whole else EXIT_NOT_COMPARABLE


def _read(folders: list[Path]) -> tuple[list[TimedRun], list[str]]:
    """Return the runs that can be read, and why others cannot.

    Raises:
        UsageError: a folder without runs, or no run at all.
    """
    runs: dict[Path, TimedRun] = {}
    unread: list[tuple[Path, str]] = []
    for folder in folders:
        run_folders = _run_folders(folder)
        sizes = list(map(_size_bytes, run_folders))
        for run_folder in tracked(run_folders, "reading runs", weights=sizes):
            try:
                if run_folder != folder and leads_elsewhere(run_folder):
                    raise UsageError(f"{run_folder}: is a link; name what it leads to")
                runs[run_folder.resolve()] = read_timed_run(run_folder)
            except UsageError as error:
                if run_folder == folder:
                    raise
                unread.append((run_folder, str(error)))
    left_out = _left_out(unread)
    if not runs:
        raise UsageError("no run that can be read\n  " + "\n  ".join(left_out))
    return list(runs.values()), left_out


def _left_out(unread: list[tuple[Path, str]]) -> list[str]:
    """Return a line for each reason, with the first folder that it holds for."""
    by_reason: dict[str, list[str]] = {}
    for folder, reason in unread:
        by_reason.setdefault(reason.replace(str(folder), ""), []).append(reason)
    return [
        f"left out: {texts[0]}" + (f" (and {len(texts) - 1} more like it)" if texts[1:] else "")
        for texts in by_reason.values()
    ]


def _size_bytes(run_folder: Path) -> int:
    """Return what there is to read of a run, which says how long that takes."""
    path = run_folder / RESULTS
    return LEAST_BYTES + (path.stat().st_size if path.is_file() else 0)


def _run_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give folders that runs wrote")
    if (folder / MANIFEST).is_file():
        return [folder]
    folders = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    if not folders:
        raise UsageError(f"{folder}: no {MANIFEST} in it nor in its folders; run something first")
    return folders
