"""`gate --base`: two revisions of a repository, measured interleaved."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from commands._asking import asked_files
from commands._cures import USUAL_FILE, after_freeing_space
from commands._folders import LOG, open_folder, record
from commands._gate_blocks import settings_of_sides
from commands._gate_rule import rule_for
from commands._preparing import find_scenarios, refuse_too_many
from suite.errors import NotComparable, UsageError
from suite.gate.checkouts import Checkouts
from suite.gate.git import GitFailed
from suite.gate.inventory import NothingToMeasure, read_revision, take_stock
from suite.gate.live_run import GateProgress
from suite.gate.outcome import GateOutcome
from suite.gate.revision import NoRepository, Repository, Revision
from suite.gate.run import BASE_FOLDER, Asked, Trees, measure, sides_of
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Catalogue, Entry
from suite.results.folder import finish_manifest, read_manifest, write_manifest
from suite.results.request import GateRequest
from suite.scenario import ScenarioFile

SHORT = 12
"""Digits of a commit that tell it from all others."""


def between_revisions(
    request: GateRequest, out: Path | None, console: Console, began: float
) -> tuple[GateOutcome, Path]:
    """Measure base and head; return the outcome, and the folder that holds the samples."""
    request = replace(request, files=request.files or asked_files([USUAL_FILE]))
    repository = _repository(request)
    base = repository.resolve(str(request.base), "--base")
    plugins = [_inside(repository, Path(str(plugin))) for plugin in request.plugins]
    with scratch_folder() as scratch, Checkouts(repository) as checkouts:
        head, notes = _head(repository, checkouts, request.head)
        log = scratch / "start.log"
        trees = Trees(base=checkouts.add(base), head=checkouts.add(head), null=checkouts.add(base))
        _require_plugins(plugins, trees, repository)
        old, new = _read_both(trees, plugins, base, head, log)
        _refuse_new_failures(old, new)
        chosen = find_scenarios(request, log)
        inventory = take_stock(
            old,
            new,
            _patterns(request, chosen.files, (*old.entries, *new.entries), plugins),
            asked_by="--impl",
        )
        scenarios = chosen.scenarios
        refuse_too_many(request, len(scenarios), len(inventory.both))
        name = "gate-" + "-".join(file.name for file in chosen.files)
        folder = open_folder(out, name)
        settings = settings_of_sides(
            request,
            folder / LOG,
            blocks=request.blocks,
            reference="base revision",
        )
        rule = rule_for(request.margin, request.blocks, scenarios)
        # Names of revisions move on; whoever does it again wants these commits.
        request = replace(
            chosen.request,
            base=base.commit[:SHORT],
            head=None if request.head is None else head.commit[:SHORT],
        )
        manifest = record(
            replace(chosen, request=request),
            new,
            folder,
            name,
            settings,
            console,
            gate=dataclasses.asdict(rule),
        )
        manifest |= {"git_revision": head.commit, "git_dirty": False}
        write_manifest(folder, manifest)
        (folder / BASE_FOLDER).mkdir(exist_ok=True)
        write_manifest(
            folder / BASE_FOLDER, {**manifest, "name": "base", "git_revision": base.commit}
        )
        console.print(
            f"{len(scenarios)} scenarios × {len(inventory.both)} implementations, "
            f"{base.name} → {head.name}, into {folder}",
            soft_wrap=True,
        )
        asked = Asked(
            base=base.name,
            head=head.name,
            rule=rule,
            budget_s=request.budget_s,
            began=began,
            accept=request.accept,
            notes=(*notes, *checkouts.notes, *old.failures),
        )
        with after_freeing_space(request.command_line()):
            outcome = measure(
                asked,
                inventory,
                scenarios,
                sides=sides_of(trees, checkouts, settings),
                settings=settings,
                folder=folder,
                reproduce=lambda cell: request.of_cell(
                    cell.scenario.id, cell.head.name
                ).command_line(),
                watch=lambda progress: show(console, progress),
            )
    verdict = {"state": outcome.state, "text": outcome.sentence}
    write_manifest(folder, {**read_manifest(folder), "verdict": verdict})
    finish_manifest(folder, {"wall_s": outcome.wall_s, "interrupted": outcome.interrupted})
    return outcome, folder


def _repository(request: GateRequest) -> Repository:
    try:
        return Repository(_repository_folder(request))
    except NoRepository as error:
        raise UsageError(
            f"{error}; name the repository with --repo DIR, or compare with a stored run: "
            "--baseline DIR"
        ) from error


def _repository_folder(request: GateRequest) -> Path:
    if request.repo is not None:
        folder = Path(request.repo.given)
        if not folder.is_dir():
            raise UsageError(f"--repo {folder}: no such folder")
        return folder
    for plugin in request.plugins:
        if not Path(plugin.path).is_file():
            raise UsageError(f"{plugin}: no such plug-in file")
        return Path(plugin.path).parent
    return Path.cwd()


def _head(
    repository: Repository, checkouts: Checkouts, asked: str | None
) -> tuple[Revision, list[str]]:
    """Return head, and what is to be said about uncommitted changes."""
    if asked is None:
        return checkouts.working_tree(), []
    try:
        changes = repository.changes()
    except GitFailed as failed:
        return repository.resolve(asked, "--head"), [f"git status: {failed}"]
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


def _read_both(
    trees: Trees, plugins: Sequence[Path], base: Revision, head: Revision, log: Path
) -> tuple[Catalogue, Catalogue]:
    """Describe what base and head register.

    Raises:
        UsageError: neither registers anything, or nothing of head imports.
        NotComparable: one side alone has something.
    """

    def read(tree: Path, revision: str) -> Catalogue:
        return read_revision(tree, plugins, revision, log, asked_by="--plugin")

    try:
        new = read(trees.head, f"head {head.name}")
    except NothingToMeasure as nothing:
        read(trees.base, f"base {base.name}")
        raise NotComparable(f"{nothing}\n  base {base.name} has it") from nothing
    try:
        old = read(trees.base, f"base {base.name}")
    except UsageError as nothing:
        raise NotComparable(
            f"{nothing}\n  head {head.name} has it; give a --base that has it, too"
        ) from nothing
    return old, new


def _refuse_new_failures(old: Catalogue, new: Catalogue) -> None:
    """Stop where a file of head does not import that base's does."""
    known = {_failed_file(text) for text in old.failures}
    if broken := [text for text in new.failures if _failed_file(text) not in known]:
        raise UsageError("\n".join(broken))


def _failed_file(failure: str) -> str:
    """Return the file or module of "head abc: mine.py:1: does not import: ..."."""
    return failure.split(": ")[1].partition(":")[0]


def _patterns(
    request: GateRequest,
    files: Sequence[ScenarioFile],
    entries: Sequence[Entry],
    plugins: Sequence[Path],
) -> list[str]:
    """Return which implementations to gate: as asked; else the plug-ins', or the files' choice.

    Args:
        entries: of both revisions, so that what is gone is noticed.
    """
    if request.implementations:
        return list(request.implementations)
    if plugins:
        return [e.name for e in entries if any(Path(e.file).match(str(p)) for p in plugins)]
    if all(file.implementations for file in files):
        known = [entry.name for entry in entries]
        named = [pattern for file in files for pattern in file.implementations]
        return [pattern for pattern in named if fnmatch.filter(known, pattern)]
    return []


def show(console: Console, progress: GateProgress) -> None:
    """Print one line a block: a display that moves by itself would disturb the measurement."""
    left = f", about {progress.left_s:.0f} s left" if progress.left_s is not None else ""
    console.print(f"{progress.doing}{left}", style="dim")
