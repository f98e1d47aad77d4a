"""A gate run between two sides: from what was asked to the outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from suite.conditions import Scenario
from suite.gate.blocks import BlockRunner, Sides
from suite.gate.checkouts import Checkouts
from suite.gate.facts import findings
from suite.gate.inventory import CellPair, Inventory
from suite.gate.live_run import GateProgress, LiveRun
from suite.gate.outcome import GateCell, GateOutcome
from suite.gate.rule import Rule
from suite.gate.side import BASE, HEAD, NULL, Side
from suite.gate.verdict import UNMEASURED
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.results.cell import CellResult
from suite.results.folder import ResultWriter

BASE_FOLDER = "base"
"""Within the run's folder: the base's samples, as a run of their own."""


@dataclass(frozen=True, kw_only=True)
class Trees:
    """The checkouts: base, head, and the base once more."""

    base: Path
    head: Path
    null: Path


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a gate run is to do."""

    base: str
    """What base is called."""
    head: str
    rule: Rule
    budget_s: float | None
    began: float
    accept: Collection[str] = ()
    """Checks whose findings do not fail."""
    notes: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    """In what else than their code the sides differ."""


def sides_of(trees: Trees, checkouts: Checkouts, settings: Settings) -> Sides:
    """Return the sides of a run between two revisions."""
    return Sides(
        base=Side(BASE, trees.base, checkouts, settings),
        head=Side(HEAD, trees.head, checkouts, settings),
        null=Side(NULL, trees.null, checkouts, settings, origin=trees.base),
    )


def measure(
    asked: Asked,
    inventory: Inventory,
    scenarios: Sequence[Scenario],
    *,
    sides: Sides,
    settings: Settings,
    folder: Path,
    reproduce: Callable[[CellPair], str],
    watch: Callable[[GateProgress], None] = lambda _: None,
    of_head: Mapping[str, Scenario] = MappingProxyType({}),
) -> GateOutcome:
    """Measure every cell that both sides have; raw samples go into `folder`.

    Args:
        of_head: scenario's id → the same as head has it, where it is another.
    """
    pairs = [
        CellPair(
            scenario=scenario,
            base=base,
            head=head,
            scenario_of_head=of_head.get(scenario.id),
        )
        for scenario in scenarios
        for base, head in inventory.both
    ]
    runner = BlockRunner(pairs, sides, settings, TimeSpent())
    live_run = LiveRun(runner, asked.rule, folder, asked.budget_s, asked.began, watch)
    try:
        live_run.run()
    finally:
        runner.close()
        _store(runner, folder)
    return _outcome(asked, inventory, pairs, live_run, reproduce)


def _outcome(
    asked: Asked,
    inventory: Inventory,
    pairs: Sequence[CellPair],
    live_run: LiveRun,
    reproduce: Callable[[CellPair], str],
) -> GateOutcome:
    decision = live_run.decision
    verdicts = decision.verdicts() if decision else {}
    cells = []
    for pair in pairs:
        sides = live_run.runner.tallies[pair.key]
        base, head = sides[BASE], sides[HEAD]
        all_findings = findings(base.facts(), head.facts(), pair.scenario.dtype)
        cells.append(
            GateCell(
                scenario=pair.scenario.id,
                implementation=pair.head.name,
                base=base.facts(),
                head=head.facts(),
                findings=tuple(f for f in all_findings if f.check not in asked.accept),
                accepted=tuple(f for f in all_findings if f.check in asked.accept),
                time=verdicts.get(pair.key, UNMEASURED) if base.alive and head.alive else None,
                reproduce=reproduce(pair),
            )
        )
    nulls = decision.null_cells() if decision else {}
    return GateOutcome(
        base=asked.base,
        head=asked.head,
        cells=tuple(cells),
        margin=asked.rule.margin,
        missing=inventory.only_base,
        new=inventory.only_head,
        renamed=inventory.renamed,
        notes=(*asked.notes, *live_run.notes),
        differences=asked.differences,
        interrupted=live_run.interrupted,
        blocks=dict(live_run.blocks),
        wall_s=time.monotonic() - asked.began,
        null_shifts={f"{cell} ({stage})": null.mean for (stage, cell), null in nulls.items()},
        missing_accepted="missing" in asked.accept,
    )


def _store(runner: BlockRunner, folder: Path) -> None:
    """Write the raw samples: head's as this run's results, base's as a run in a folder of it."""
    for label, results_folder in ((HEAD, folder), (BASE, folder / BASE_FOLDER)):
        results_folder.mkdir(exist_ok=True)
        writer = ResultWriter(results_folder)
        try:
            for result in _results(runner, label):
                writer.add(result)
        finally:
            writer.close()


def _results(runner: BlockRunner, label: str) -> list[CellResult]:
    return [sides[label].result() for sides in runner.tallies.values()]
