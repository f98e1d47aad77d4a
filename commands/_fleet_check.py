"""`check --on WHERE`: shapes divided among machines, or all of them on each that is different."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console

from commands._fleet import (
    Asked,
    admit_to,
    admit_to_kind,
    asked_of_many,
    assembled,
    refuse_unlike,
    words_for,
)
from commands._fleet_view import account
from suite.conditions import Scenario
from suite.errors import EXIT_GOOD, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED, EXIT_WRONG
from suite.fleet.description import Description
from suite.fleet.dispatch import Lane, Outcome
from suite.fleet.scenario_queue import ScenarioQueue
from suite.fleet.work import Work
from suite.measuring import estimate
from suite.measuring.check import Checked
from suite.records import from_plain
from suite.results.cell import Status

if TYPE_CHECKING:
    from commands.check import CheckRequest

RECORDS = "checked.jsonl"
TOGETHER_S, LEAST_S = 240.0, 15.0
"""Of shapes that one process checks: it starts one process a row first, which takes 4 s."""
UNIT = "checks"


@dataclass
class Part:
    """What machines that are alike checked."""

    name: str
    asked: Asked
    like: Description
    checked: list[Checked] = field(default_factory=list)

    def lane(self) -> Lane:
        self._own = {scenario.id: scenario for scenario in self.asked.scenarios}
        rows = {name: self._computing(scenario) for name, scenario in self._own.items()}
        missing = {name: names for name, names in rows.items() if names}
        # As many as without sharing: some faults need more than one.
        sent = replace(self.asked.sent, threads=self.asked.sent.threads or self.like.threads)
        work: Work[Checked] = Work(
            missing=missing,
            words=lambda scenarios, rows: [
                *words_for(sent, scenarios, rows),
                *("--records", RECORDS),
            ],
            records=RECORDS,
            texts=self.asked.texts,
            decode=self._decode,
            scenario_of=lambda checked: checked.scenario.id,
            store=lambda _, checked: self.checked.extend(checked),
            waits=False,
            shares_cores=True,
        )
        estimates = {
            name: estimate.check_s(self._own[name], len(names)) for name, names in missing.items()
        }
        return Lane(self.name, ScenarioQueue(estimates, TOGETHER_S, least_s=LEAST_S), work)

    def _computing(self, scenario: Scenario) -> set[str]:
        """Return the rows of which there will be a record: `check` passes the others by."""
        return {row.name for row in self.like.rows if scenario.problem.kind in row.kinds}

    def _decode(self, plain: dict[str, Any]) -> Checked:
        """Return a record about a scenario of ours: of thousands of records each is kept once."""
        checked = from_plain(Checked, plain)
        own = self._own.get(checked.scenario.id)
        if own is None or checked.scenario != replace(own, device=checked.scenario.device):
            return checked
        return dataclasses.replace(checked, scenario=own)


def begin(request: CheckRequest, options: argparse.Namespace, console: Console) -> int:
    """Check everything on many machines; return the exit code.

    Raises:
        NotComparable: machines are unlike, and were not asked each.
        UsageError: bad input, or nobody there.
    """
    from commands.check import LEGEND, tell  # noqa: PLC0415 - which is what begins this
    from reports.text_frame import wrapped  # noqa: PLC0415

    assert request.on is not None
    asked = asked_of_many(replace(request, on=None, each=False), request.on)
    parts: list[Part] = []
    with assembled(asked, console, UNIT, exclusive=False) as (fleet, ready):
        if request.each:
            make = partial(_part_for, asked, parts)
            outcome = fleet.run(partial(admit_to_kind, asked.scenarios, {}, make))
        else:
            like = refuse_unlike(ready, asked.scenarios)
            parts.append(Part("", asked, like))
            lane = parts[0].lane()
            fleet.lanes.append(lane)
            outcome = fleet.run(partial(admit_to, lane, like, asked.scenarios))
        lanes = list(fleet.lanes)
    for part in parts:
        if len(parts) > 1:
            console.print(f"{part.name}: {part.like.words}", style="bold", soft_wrap=True)
        families = {row.name: row.family for row in part.like.rows}
        tell(console, part.checked, families, request, verbose=options.verbose)
    for text in differences(parts):
        console.print(text, style="bold red", soft_wrap=True)
    for line in wrapped(LEGEND, console.width):
        console.print(line, soft_wrap=True)
    return _concluded(console, outcome, lanes, parts)


def _part_for(asked: Asked, parts: list[Part], name: str, like: Description) -> Lane:
    parts.append(Part(name, asked, like))
    return parts[-1].lane()


def _concluded(
    console: Console, outcome: Outcome, lanes: Sequence[Lane], parts: Sequence[Part]
) -> int:
    for line in account(outcome.workers, UNIT):
        console.print(line, soft_wrap=True)
    missing = [name for left in outcome.left.values() for name in left]
    lost = [one for lane in lanes for one in lane.scenarios.lost]
    for one in lost:
        console.print(f"lost  {one.scenario}: {one.reason}", style="bold red", soft_wrap=True)
    if outcome.why:
        console.print(outcome.why, style="yellow", soft_wrap=True)
    if missing:
        text = f"{len(missing)} shapes were not checked, first {missing[0]}"
        console.print(text, style="yellow", soft_wrap=True)
    if outcome.interrupted:
        return EXIT_INTERRUPTED
    fine = (Status.PASSED, Status.UNSUPPORTED)
    if any(checked.status not in fine for part in parts for checked in part.checked):
        return EXIT_WRONG
    return EXIT_INCONCLUSIVE if missing or lost else EXIT_GOOD


def differences(parts: Sequence[Part]) -> list[str]:
    """Return what is right on one machine and wrong on another, a line for each row."""
    found: dict[tuple[str, str], dict[str, Status]] = {}
    for part in parts:
        for checked in part.checked:
            key = checked.scenario.id, checked.implementation
            found.setdefault(key, {})[part.name] = checked.status
    by_row: dict[str, list[str]] = {}
    for (scenario, row), statuses in found.items():
        if Status.PASSED in statuses.values() and any(
            status not in (Status.PASSED, Status.UNSUPPORTED) for status in statuses.values()
        ):
            told = ", ".join(f"{status.value} on {name}" for name, status in statuses.items())
            by_row.setdefault(row, []).append(f"{scenario}: {told}")
    return [
        f"{row} differs between machines in {len(cells)} shapes, first {cells[0]}"
        for row, cells in by_row.items()
    ]
