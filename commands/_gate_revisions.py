"""`gate --base`: two revisions of a repository, measured interleaved."""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from commands._gate_rule import rule_for
from commands._setup import recorded, scenario_files, scratch_folder, settings_for
from suite import __version__
from suite.errors import UsageError
from suite.gate.checkouts import Checkouts
from suite.gate.inventory import CellPair, read_revision, take_stock
from suite.gate.live_run import GateProgress
from suite.gate.outcome import GateOutcome
from suite.gate.revision import Repository, Revision
from suite.gate.rule import Rule
from suite.gate.run import BASE_FOLDER, Asked, Trees, measure
from suite.measuring import new_run, selection
from suite.measuring.settings import Settings
from suite.problem import Scenario
from suite.program import PROGRAM
from suite.registry.catalogue import Catalogue, Entry
from suite.results.folder import finish_manifest, read_manifest, write_manifest
from suite.scenario import ScenarioFile

ROUNDS = 4
"""Turns of each side in a block: more than in `run`, as there are only two sides to alternate."""
BLOCK_S = 0.08
"""Timed calls of a side and cell in one block; a scheduler's tick is 4 ms."""


def between_revisions(
    options: argparse.Namespace, console: Console, began: float
) -> tuple[GateOutcome, Path]:
    """Measure base and head; return the outcome, and the folder that holds the samples."""
    options.files = options.files or ["ci"]
    files = scenario_files(options)
    repository = Repository(_repository_folder(options))
    base = repository.resolve(options.base, "--base")
    head, notes = _head(repository, options.head)
    plugins = [_inside(repository, plugin) for plugin in options.plugin]
    with scratch_folder() as scratch, Checkouts(repository) as checkouts:
        log = Path(scratch) / "start.log"
        trees = Trees(base=checkouts.add(base), head=checkouts.add(head), null=checkouts.add(base))
        _require_plugins(plugins, trees, repository)
        old = read_revision(trees.base, plugins, f"base {base.name}", log)
        new = read_revision(trees.head, plugins, f"head {head.name}", log)
        _refuse_new_failures(old, new)
        inventory = take_stock(
            old, new, _patterns(options, files, (*old.entries, *new.entries), plugins)
        )
        facts = new_run.torch_facts(log)
        scenarios = selection.on_device(_chosen(options, files), options.device, facts)
        selection.refuse_too_many(len(scenarios) * len(inventory.both), options.yes)
        name = "gate-" + "-".join(file.name for file in files)
        folder = new_run.open_folder(options.out, name, False, [s.id for s in scenarios])
        settings = dataclasses.replace(
            settings_for(options, folder / "worker.log"),
            rounds=ROUNDS,
            block_s=BLOCK_S,
            reference="base revision",
        )
        rule = rule_for(options, scenarios)
        manifest = _write_manifest(folder, name, files, scenarios, new, facts, settings, head, rule)
        (folder / BASE_FOLDER).mkdir(exist_ok=True)
        write_manifest(
            folder / BASE_FOLDER, {**manifest, "name": "base", "git_revision": base.commit}
        )
        console.print(
            f"{len(scenarios)} scenarios × {len(inventory.both)} implementations, "
            f"{base.name} → {head.name}, into {folder}",
            highlight=False,
            soft_wrap=True,
        )
        asked = Asked(
            base=base,
            head=head,
            rule=rule,
            budget_s=options.budget,
            began=began,
            accept=options.accept,
            notes=(*notes, *old.failures),
        )
        outcome = measure(
            asked,
            inventory,
            scenarios,
            checkouts=checkouts,
            trees=trees,
            settings=settings,
            folder=folder,
            reproduce=lambda cell: _reproduce(options, base, cell),
            watch=lambda progress: _show(console, progress),
        )
    verdict = {"state": outcome.state, "text": outcome.sentence}
    write_manifest(folder, {**read_manifest(folder), "verdict": verdict})
    finish_manifest(folder, {"wall_s": outcome.wall_s, "interrupted": outcome.interrupted})
    return outcome, folder


def _repository_folder(options: argparse.Namespace) -> Path:
    if options.repo is not None:
        if not options.repo.is_dir():
            raise UsageError(f"--repo {options.repo}: no such folder")
        return Path(options.repo)
    for plugin in options.plugin:
        if not plugin.is_file():
            raise UsageError(f"{plugin}: no such plug-in file")
        return Path(plugin.resolve().parent)
    return Path.cwd()


def _head(repository: Repository, asked: str | None) -> tuple[Revision, list[str]]:
    """Return head, and what is to be said about uncommitted changes."""
    if asked is None:
        return repository.working_tree(), []
    changes = repository.changes()
    ignored = f"{len(changes)} uncommitted changes in {repository.root} are not measured"
    return repository.resolve(asked, "--head"), [ignored] if changes else []


def _inside(repository: Repository, plugin: Path) -> Path:
    inside = repository.inside(plugin)
    if inside is None:
        raise UsageError(
            f"--plugin {plugin}: outside the repository {repository.root}, so both revisions "
            "would run the same file; name its own repository with --repo DIR"
        )
    return inside


def _require_plugins(plugins: Sequence[Path], trees: Trees, repository: Repository) -> None:
    for plugin in plugins:
        if not any((tree / plugin).is_file() for tree in (trees.base, trees.head)):
            raise UsageError(
                f"--plugin {plugin}: in neither revision of {repository.root}; "
                "does .gitignore name it?"
            )


def _refuse_new_failures(old: Catalogue, new: Catalogue) -> None:
    """Stop where a file of head does not import that base's does."""
    known = {_failed_file(text) for text in old.failures}
    if broken := [text for text in new.failures if _failed_file(text) not in known]:
        raise UsageError("\n".join(broken))


def _failed_file(failure: str) -> str:
    """Return the file or module of "head abc: mine.py:1: does not import: ..."."""
    return failure.split(": ")[1].partition(":")[0]


def _patterns(
    options: argparse.Namespace,
    files: Sequence[ScenarioFile],
    entries: Sequence[Entry],
    plugins: Sequence[Path],
) -> list[str]:
    """Return which implementations to gate: as asked; else the plug-ins', or the files' choice.

    Args:
        entries: of both revisions, so that what is gone is noticed.
    """
    if options.impl:
        return list(options.impl)
    if plugins:
        return [e.name for e in entries if any(Path(e.file).match(str(p)) for p in plugins)]
    if all(file.implementations for file in files):
        known = [entry.name for entry in entries]
        named = [pattern for file in files for pattern in file.implementations]
        return [pattern for pattern in named if fnmatch.filter(known, pattern)]
    return []


def _chosen(options: argparse.Namespace, files: Sequence[ScenarioFile]) -> list[Scenario]:
    everything = [scenario for file in files for scenario in file.scenarios]
    return selection.chosen_scenarios(everything, options.scenario)


def _write_manifest(
    folder: Path,
    name: str,
    files: Sequence[ScenarioFile],
    scenarios: Sequence[Scenario],
    catalogue: Catalogue,
    facts: dict[str, object],
    settings: Settings,
    head: Revision,
    rule: Rule,
) -> dict[str, object]:
    known = recorded(settings)
    manifest = new_run.write_run_manifest(
        folder,
        name=name,
        files=files,
        scenarios=scenarios,
        catalogue=catalogue,
        facts=facts,
        settings={**known, "gate": dataclasses.asdict(rule)},
        version=__version__,
    )
    manifest = {**manifest, "git_revision": head.commit, "git_dirty": False}
    write_manifest(folder, manifest)
    return manifest


def _reproduce(options: argparse.Namespace, base: Revision, cell: CellPair) -> str:
    """Return the command that measures one cell alone."""
    words = [*PROGRAM, "gate", *options.files, "--base", base.commit[:12]]
    if options.head:
        words += ["--head", options.head]
    if options.repo:
        words += ["--repo", str(options.repo)]
    for plugin in options.plugin:
        words += ["--plugin", str(plugin)]
    for name in ("device", "threads", "margin"):
        if (value := getattr(options, name)) is not None:
            words += [f"--{name}", str(value)]
    words += ["--impl", cell.head.name, "--scenario", cell.scenario.id]
    return shlex.join(words)


def _show(console: Console, progress: GateProgress) -> None:
    """Print one line a block: a display that moves by itself would disturb the measurement."""
    left = f", about {progress.left_s:.0f} s left" if progress.left_s is not None else ""
    console.print(f"{progress.doing}{left}", style="dim", highlight=False)
