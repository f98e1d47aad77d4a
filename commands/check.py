"""`check`: hold implementations against float64 over many shapes, without timing."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from rich.console import Console
from rich.text import Text

from commands import _fleet_check
from commands._asking import asked
from commands._checked import every_failure, failure_lines, has_failed
from commands._cures import advise_on_memory
from commands._fleet import add_on, refuse_halves
from commands._options import add_files, add_measuring, add_scenarios, add_selection
from commands._preparing import (
    ChosenScenarios,
    Prepared,
    chosen_arms,
    names_of_plugins,
    prepare,
    settings_for,
)
from commands.arguments import Parser
from reports import terminal, units
from reports.progress import Bar
from reports.text_frame import Figure, Frame, wrapped
from reports.unsupported_text import unsupported_lines
from suite.errors import EXIT_GOOD, EXIT_INTERRUPTED, EXIT_WRONG
from suite.measuring.arm import Arm
from suite.measuring.check import Checked, check, computing
from suite.printable import printable
from suite.processes.scratch import scratch_folder
from suite.records import to_json
from suite.registry.catalogue import Catalogue
from suite.results.cell import Status
from suite.results.request import Request, asked_by

USUAL_FILES = ("edge_shapes", "edge_shapes_1d", "edge_shapes_3d", "edge_shapes_transposed")
"""Of all kinds; an implementation meets those that it is registered for."""

LEGEND = (
    "A shape passes when integers come out exactly and, on six more kinds of data, every element "
    "lies within its allowed error of the float64 result: K products summed, u = 2^-24 in float32, "
    "S the sum of their magnitudes. The factor before √K follows from the family. NaN and infinity "
    "must spread as declared, and come out as themselves; inputs, clocks and global state must be "
    "left alone; gradients must match."
)


@dataclass(frozen=True, kw_only=True)
class CheckRequest(Request):
    """What a `check` is asked."""

    command: ClassVar[str] = "check"

    on: str | None = asked_by("--on")
    """Where to check, if not here: see `suite.fleet.where`."""
    each: bool = asked_by("--each", False)
    """Whether every different machine checks everything."""

    def of_cell(self, scenario: str, implementation: str) -> Self:
        """Return the request for one cell, here."""
        of_one = super().of_cell(scenario, implementation)
        name = scenario.partition("/")[0]
        files = tuple(file for file in self.files if Path(file.path).stem == name)
        return replace(of_one, files=files or self.files, on=None, each=False)


def add_arguments(parser: Parser) -> None:
    add_files(parser, f"scenario files (default: {', '.join(USUAL_FILES)})")
    add_scenarios(parser, "'*-g8*'")
    add_selection(parser)
    add_measuring(parser)
    add_on(parser)
    parser.add_argument("--records", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="a line for each shape that fails, too"
    )


def main(options: argparse.Namespace) -> int:
    request = asked(CheckRequest, options, *USUAL_FILES)
    console = terminal.console()
    refuse_halves(options)
    if request.on:
        return _fleet_check.begin(request, options, console)
    prepared = prepare(request, console, _choose)
    arms = prepared.arms
    cells: list[Checked] = []
    interrupted, failed = False, 0
    with scratch_folder() as scratch, _recording(options.records) as keep:
        settings = settings_for(request, scratch / "worker.log")
        total = sum(len(computing(arms, scenario)) for scenario in prepared.scenarios)
        with Bar(console, "checking", total) as bar:
            try:
                for checked in check(prepared.scenarios, arms, settings):
                    cells.append(checked)
                    keep(checked)
                    failed += has_failed(checked)
                    bar.advance(words=f"checking, {failed} failed" if failed else None)
            except KeyboardInterrupt:
                interrupted = True
    families = {arm.name: arm.family for arm in arms}
    tell(console, cells, families, request, verbose=options.verbose)
    _print(console, wrapped(LEGEND, console.width))
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_WRONG if failed else EXIT_GOOD


@contextlib.contextmanager
def _recording(path: Path | None) -> Iterator[Callable[[Checked], object]]:
    """Give a function that appends what was checked to a file, a line each, if there is one."""
    if path is None:
        yield lambda _: None
        return
    with path.open("a", encoding="utf-8") as file:

        def keep(checked: Checked) -> None:
            file.write(to_json(checked) + "\n")
            file.flush()

        yield keep


def prepared_for(options: argparse.Namespace, console: Console) -> Prepared[CheckRequest]:
    """Find what these arguments would check on this machine."""
    return prepare(asked(CheckRequest, options, *USUAL_FILES), console, _choose)


def tell(
    console: Console,
    cells: Sequence[Checked],
    families: dict[str, str],
    request: CheckRequest,
    *,
    verbose: bool,
) -> None:
    """Print what failed and how to see it again, then a table of the rows, by family."""
    if verbose:
        _print(console, every_failure(cells))
    _print(console, failure_lines(cells, request))
    met = {cell.implementation for cell in cells}
    _print(console, (_meets_nothing(name) for name in families if cells and name not in met))
    families = {name: family for name, family in families.items() if name in met or not cells}
    _print(console, _table(cells, families, console.width))
    _print(console, unsupported_lines(_to_explain(cells, request), console.width))
    advise_on_memory(console, [checked.status for checked in cells])


def _to_explain(cells: Sequence[Checked], request: CheckRequest) -> list[Checked]:
    """Return the cells of rows that were asked for by name, or that support no shape at all."""
    if request.implementations or request.plugins:
        return list(cells)
    some = {cell.implementation for cell in cells if cell.status is not Status.UNSUPPORTED}
    return [cell for cell in cells if cell.implementation not in some]


def _meets_nothing(name: str) -> Text:
    return Text(f"{name}: no shape here is of a kind that it computes")


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
