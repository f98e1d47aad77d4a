"""`check`: hold implementations against float64 over many shapes, without timing."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from commands._asking import asked
from commands._checked import every_failure, failure_lines, has_failed
from commands._cures import advise_on_memory
from commands._options import add_files, add_measuring, add_scenarios, add_selection
from commands._preparing import (
    ChosenScenarios,
    chosen_arms,
    names_of_plugins,
    prepare,
    settings_for,
)
from commands.arguments import Parser
from reports import terminal, units
from reports.progress import Bar
from reports.text_frame import Figure, Frame, wrapped
from suite.errors import EXIT_GOOD, EXIT_INTERRUPTED, EXIT_WRONG
from suite.measuring.arm import Arm
from suite.measuring.check import Checked, check
from suite.printable import printable
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Catalogue
from suite.results.cell import Status
from suite.results.request import Request

USUAL_FILE = "edge_shapes"

LEGEND = (
    "A shape passes when integers come out exactly and, on six more kinds of data, every element "
    "lies within its allowed error of the float64 result: K products summed, u = 2^-24 in float32, "
    "S the sum of their magnitudes. The factor before √K follows from the family. NaN and infinity "
    "must spread as declared, and come out as themselves; inputs, clocks and global state must be "
    "left alone; gradients must match."
)


class CheckRequest(Request):
    """What a `check` is asked."""

    command = "check"


def add_arguments(parser: Parser) -> None:
    add_files(parser, f"scenario files (default: {USUAL_FILE})")
    add_scenarios(parser, "'*-g8*'")
    add_selection(parser)
    add_measuring(parser)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="a line for each shape that fails, too"
    )


def main(options: argparse.Namespace) -> int:
    request = asked(CheckRequest, options, USUAL_FILE)
    console = terminal.console()
    prepared = prepare(request, console, _choose)
    arms = prepared.arms
    cells: list[Checked] = []
    interrupted, failed = False, 0
    with scratch_folder() as scratch:
        settings = settings_for(request, scratch / "worker.log")
        total = len(prepared.scenarios) * len(arms)
        with Bar(console, "checking", total) as bar:
            try:
                for checked in check(prepared.scenarios, arms, settings):
                    cells.append(checked)
                    failed += has_failed(checked)
                    bar.advance(words=f"checking, {failed} failed" if failed else None)
            except KeyboardInterrupt:
                interrupted = True
    if options.verbose:
        _print(console, every_failure(cells))
    _print(console, failure_lines(cells, request))
    _print(console, _table(cells, {arm.name: arm.family for arm in arms}, console.width))
    _print(console, wrapped(LEGEND, console.width))
    advise_on_memory(console, [checked.status for checked in cells])
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_WRONG if failed else EXIT_GOOD


def _print(console: Console, lines: Iterable[Text]) -> None:
    for line in lines:
        console.print(line, soft_wrap=True)


def _choose(chosen: ChosenScenarios[CheckRequest], catalogue: Catalogue) -> list[Arm]:
    """Return the arms; with --plugin it is about what the plug-in registers, and nothing else."""
    request = chosen.request
    return chosen_arms(catalogue, request.implementations or names_of_plugins(request, catalogue))


def _table(cells: Sequence[Checked], families: dict[str, str], width: int) -> list[Text]:
    """Return one row an implementation: how many shapes passed, and how far from the bounds."""
    rows = [_row([cell for cell in cells if cell.implementation == name]) for name in families]
    columns = [[Figure(family) for family in families.values()], *zip(*rows, strict=True)]
    heads = (
        "family",
        "allowed error",
        "shapes passed",
        "failed",
        "unsupported",
        "error over allowed",
        "relative L2 error",
        "same bits twice",
    )
    return Frame(list(map(printable, families)), heads, columns).lines(width)


def _row(mine: Sequence[Checked]) -> tuple[Figure, ...]:
    passed = [checked for checked in mine if checked.status is Status.PASSED]
    unsupported = sum(checked.status is Status.UNSUPPORTED for checked in mine)
    residuals = [checked.residuals for checked in passed if checked.residuals]
    repeats = {checked.deterministic for checked in mine} - {None}
    failed = len(mine) - len(passed) - unsupported
    return (
        Figure(_allowed(mine)),
        Figure(str(len(passed))),
        Figure(str(failed), style=terminal.FAILED if failed else ""),
        Figure(str(unsupported)),
        Figure(units.digits(max((r.worst_error_ratio for r in residuals), default=0.0))),
        Figure(units.error(max((r.rel_l2_error for r in residuals), default=None))),
        Figure("" if not repeats else "no" if False in repeats else "yes"),
    )


def _allowed(mine: Sequence[Checked]) -> str:
    factors = {checked.error_factor for checked in mine} - {None}
    precisions = {checked.precision for checked in mine} - {None}
    bounds = [f"{factor:g} √K·u·S" for factor in factors] + [
        f"{name} on purpose" for name in precisions
    ]
    return ", ".join(bounds)
