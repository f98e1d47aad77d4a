"""`check`: hold implementations against float64 over many shapes, without timing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from commands._asking import asked
from commands._cures import advise_on_memory
from commands._options import add_files, add_measuring, add_selection
from commands._preparing import (
    ChosenScenarios,
    chosen_arms,
    names_of_plugins,
    prepare,
    settings_for,
)
from commands.arguments import Parser
from reports import terminal, units
from suite.errors import EXIT_GOOD, EXIT_WRONG
from suite.measuring.arm import Arm
from suite.measuring.check import Checked, check
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Catalogue
from suite.results.cell import Status
from suite.results.request import Request

USUAL_FILE = "edge_shapes"

LEGEND = """\
A shape passes when integers come out exactly and, on six more kinds of data, every element lies
within its allowed error of the float64 result: K products summed, u = 2^-24 in float32, S the sum
of their magnitudes. The factor before √K follows from the family. NaN and infinity must spread as
declared, and come out as themselves; inputs, clocks and global state must be left alone; gradients
must match."""


class CheckRequest(Request):
    """What a `check` is asked."""

    command = "check"


def add_arguments(parser: Parser) -> None:
    add_files(parser, f"scenario files (default: {USUAL_FILE})")
    add_selection(parser)
    add_measuring(parser)


def main(options: argparse.Namespace) -> int:
    request = asked(CheckRequest, options, USUAL_FILE)
    console = terminal.console()
    prepared = prepare(request, console, _choose)
    arms = prepared.arms
    cells = []
    with scratch_folder() as scratch:
        settings = settings_for(request, scratch / "worker.log")
        for checked in check(prepared.scenarios, arms, settings):
            cells.append(checked)
            if checked.status not in (Status.PASSED, Status.UNSUPPORTED):
                console.print(
                    f"{checked.scenario.id} × {checked.implementation}: "
                    f"{checked.status.value}: {checked.reason}",
                    style="red",
                    soft_wrap=True,
                )
    console.print(_table(cells, {arm.name: arm.family for arm in arms}))
    for line in LEGEND.splitlines():
        console.print(line, style="dim")
    advise_on_memory(console, [checked.status for checked in cells])
    failed = any(c.status not in (Status.PASSED, Status.UNSUPPORTED) for c in cells)
    return EXIT_WRONG if failed else EXIT_GOOD


def _choose(chosen: ChosenScenarios[CheckRequest], catalogue: Catalogue) -> list[Arm]:
    """Return the arms; with --plugin it is about what the plug-in registers, and nothing else."""
    request = chosen.request
    return chosen_arms(catalogue, request.implementations or names_of_plugins(request, catalogue))


def _table(cells: Sequence[Checked], families: dict[str, str]) -> Table:
    """Return one row an implementation: how many shapes passed, and how far from the bounds."""
    shown = terminal.table(
        "implementation",
        "family",
        "allowed error",
        "shapes passed>",
        "failed>",
        "unsupported>",
        "largest error / allowed>",
        "relative L2 error>",
        "same bits twice",
    )
    for name, family in families.items():
        mine = [checked for checked in cells if checked.implementation == name]
        passed = [checked for checked in mine if checked.status is Status.PASSED]
        skipped = sum(checked.status is Status.UNSUPPORTED for checked in mine)
        residuals = [checked.residuals for checked in passed if checked.residuals]
        repeats = {checked.deterministic for checked in mine} - {None}
        failed = len(mine) - len(passed) - skipped
        shown.add_row(
            Text(name),
            family,
            _allowed(mine),
            str(len(passed)),
            Text(str(failed), style=terminal.FAILED if failed else ""),
            str(skipped),
            units.digits(max((r.worst_error_ratio for r in residuals), default=0.0)),
            units.error(max((r.rel_l2_error for r in residuals), default=None)),
            "" if not repeats else "no" if False in repeats else "yes",
        )
    return shown


def _allowed(mine: Sequence[Checked]) -> str:
    factors = {checked.error_factor for checked in mine} - {None}
    precisions = {checked.precision for checked in mine} - {None}
    bounds = [f"{factor:g} √K·u·S" for factor in factors] + [
        f"{name} on purpose" for name in precisions
    ]
    return ", ".join(bounds)
