"""`gate --baseline`: the working tree, measured now, against a stored run."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console

from commands._gate_rule import rule_for
from commands._setup import catalogue_for, recorded, scenario_files, scratch_folder, settings_for
from reports import terminal
from suite import __version__
from suite.errors import NotComparable
from suite.gate.baseline import compare, open_baseline
from suite.gate.outcome import GateOutcome
from suite.measuring import new_run, selection
from suite.measuring.arm import Arm
from suite.measuring.run import Runner
from suite.problem import Scenario
from suite.program import PROGRAM
from suite.registry.catalogue import Catalogue
from suite.results.cell import cell_key
from suite.results.folder import Run, finish_manifest, read_manifest, read_results, write_manifest
from suite.scenario import ScenarioFile


def against_run(
    options: argparse.Namespace, console: Console, _began: float
) -> tuple[GateOutcome, Path]:
    """Measure now what the stored run measured; return the outcome and the new run's folder."""
    base = open_baseline(options.baseline)
    files = scenario_files(options) if options.files else ()
    reference = base.results[0].reference
    with scratch_folder() as scratch:
        log = Path(scratch) / "start.log"
        facts = new_run.torch_facts(log)
        scenarios = selection.on_device(_scenarios(options, files, base), options.device, facts)
        catalogue = catalogue_for(options, scenarios, log, console)
    known = {entry.name for entry in catalogue.entries}
    names, gone = _names(options, base, catalogue)
    if not names:
        raise NotComparable(
            f"--baseline {options.baseline}: none of its implementations is here any more: "
            f"{', '.join(gone)}"
        )
    arms = selection.chosen_arms(catalogue, names, reference if reference in known else None)
    selection.refuse_too_many(len(scenarios) * len(arms), options.yes)
    name = f"gate-{base.manifest.get('name') or 'baseline'}"
    folder = new_run.open_folder(options.out, name, False, [s.id for s in scenarios])
    settings = settings_for(options, folder / "worker.log")
    if reference in known:
        settings = dataclasses.replace(settings, reference=reference)
    rule = rule_for(options, scenarios)
    new_run.write_run_manifest(
        folder,
        name=name,
        files=files,
        scenarios=scenarios,
        catalogue=catalogue,
        facts=facts,
        settings={
            **recorded(settings),
            "gate": dataclasses.asdict(rule),
        },
        version=__version__,
    )
    with terminal.RunDisplay(console) as display:
        runner = Runner(
            folder,
            scenarios,
            arms,
            settings,
            options.budget,
            lambda result, at: display.watch(result, at.done, at.total, at.left_s),
        )
        ended = runner.run()
    head = Run(folder, read_manifest(folder), tuple(read_results(folder)))
    notes = [f"no time left for {cell}" for cell in ended.not_measured]
    if reference not in known:
        notes.append(f"the reference {reference} of the baseline is not here: no control cells")
    outcome = compare(
        _within(base, scenarios, options),
        head,
        rule=rule,
        accept=options.accept,
        wanted={*names, *gone},
        reproduce=_reproduce(options, scenarios, arms),
        notes=notes,
        interrupted=ended.interrupted,
        wall_s=ended.time_spent.wall_s,
    )
    verdict = {"state": outcome.state, "text": outcome.sentence}
    write_manifest(folder, {**head.manifest, "verdict": verdict})
    finish_manifest(folder, {**ended.time_spent.summary(), "interrupted": ended.interrupted})
    return outcome, folder


def _scenarios(
    options: argparse.Namespace, files: Sequence[ScenarioFile], base: Run
) -> list[Scenario]:
    """Return the files' scenarios; without files those of the stored run itself."""
    if files:
        everything = [scenario for file in files for scenario in file.scenarios]
    else:
        everything = list({cell.scenario.id: cell.scenario for cell in base.results}.values())
    return selection.chosen_scenarios(everything, options.scenario)


def _names(
    options: argparse.Namespace, base: Run, catalogue: Catalogue
) -> tuple[list[str], list[str]]:
    """Return the stored implementations to measure again, and those that are not here any more."""
    stored = list(dict.fromkeys(cell.implementation for cell in base.results))
    if options.impl:
        catalogue.select([pattern for pattern in options.impl if pattern not in stored])
        stored = [n for n in stored if any(fnmatchcase(n, p) for p in options.impl)]
    known = {entry.name for entry in catalogue.entries}
    return [n for n in stored if n in known], [n for n in stored if n not in known]


def _within(base: Run, scenarios: Sequence[Scenario], options: argparse.Namespace) -> Run:
    """Return the stored run without what --scenario leaves out on purpose."""
    if not options.scenario:
        return base
    ids = {scenario.id for scenario in scenarios}
    return dataclasses.replace(
        base, results=tuple(cell for cell in base.results if cell.scenario.id in ids)
    )


def _reproduce(
    options: argparse.Namespace, scenarios: Sequence[Scenario], arms: Sequence[Arm]
) -> dict[str, str]:
    words = [*PROGRAM, "gate", *options.files, "--baseline", str(options.baseline)]
    for plugin in options.plugin:
        words += ["--plugin", str(plugin)]
    for name in ("device", "threads", "margin"):
        if (value := getattr(options, name)) is not None:
            words += [f"--{name}", str(value)]
    return {
        cell_key(scenario.id, arm.name): shlex.join(
            [*words, "--impl", arm.name, "--scenario", scenario.id]
        )
        for scenario in scenarios
        for arm in arms
    }
