"""`gate --base`: two revisions of a repository, measured interleaved."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from commands._asking import asked_files
from commands._cures import USUAL_FILE, after_freeing_space
from commands._folders import LOG, open_folder, record
from commands._gate_blocks import settings_of_sides
from commands._gate_layers import Revisions, layers
from commands._gate_models import models
from commands._gate_rule import rule_for
from commands._networks import settings_of_models
from commands._preparing import refuse_too_many
from suite.capture import Target
from suite.counted import counted
from suite.errors import UsageError
from suite.gate.checkouts import Checkouts
from suite.gate.git import GitFailed
from suite.gate.live_run import GateProgress
from suite.gate.outcome import GateOutcome
from suite.gate.revision import NoRepository, Repository, Revision
from suite.gate.run import BASE_FOLDER, Asked, Trees, measure, sides_of
from suite.processes.scratch import scratch_folder
from suite.results.folder import finish_manifest, read_manifest, write_manifest
from suite.results.request import GateRequest

SHORT = 12
"""Digits of a commit that tell it from all others."""


def between_revisions(
    request: GateRequest, out: Path | None, console: Console, began: float
) -> tuple[GateOutcome, Path]:
    """Measure base and head; return the outcome, and the folder that holds the samples."""
    if request.model is None:
        request = replace(request, files=request.files or asked_files([USUAL_FILE]))
    repository = _repository(request)
    base = repository.resolve(str(request.base), "--base")
    plugins = [_inside(repository, Path(str(plugin))) for plugin in request.plugins]
    with scratch_folder() as scratch, Checkouts(repository) as checkouts:
        head, notes = _head(repository, checkouts, request.head)
        log = scratch / "start.log"
        trees = Trees(base=checkouts.add(base), head=checkouts.add(head), null=checkouts.add(base))
        _require_plugins(plugins, trees, repository)
        revisions = Revisions(base=base, head=head, trees=trees, plugins=plugins)
        if request.model is None:
            compared = layers(request, revisions, log)
        else:
            compared = models(request, repository, checkouts, revisions, log, console)
        chosen, inventory, scenarios = (
            compared.chosen,
            compared.inventory,
            compared.chosen.scenarios,
        )
        refuse_too_many(request, len(scenarios), len(inventory.both))
        name = "gate-" + "-".join(file.name for file in chosen.files)
        folder = open_folder(out, name)
        settings = settings_of_sides(
            request,
            folder / LOG,
            blocks=request.blocks,
            reference="base revision",
        )
        if request.model is not None:
            settings = settings_of_models(settings, request)
        rule = rule_for(request.margin, request.blocks, scenarios)
        # Names of revisions move on; whoever does it again wants these commits.
        request = replace(
            chosen.request,
            base=base.commit[:SHORT],
            head=None if request.head is None else head.commit[:SHORT],
        )
        manifest = record(
            replace(chosen, request=request),
            compared.catalogue,
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
            f"{counted(len(scenarios), 'scenario')} × "
            f"{counted(len(inventory.both), 'implementation')}, "
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
            notes=(*notes, *checkouts.notes, *compared.notes),
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
                of_head=compared.of_head,
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
    if request.model is not None and (module := Target.parse(request.model.path).module).endswith(
        ".py"
    ):
        return Path(module).parent
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


def show(console: Console, progress: GateProgress) -> None:
    """Print one line a block: a display that moves by itself would disturb the measurement."""
    left = f", about {progress.left_s:.0f} s left" if progress.left_s is not None else ""
    console.print(f"{progress.doing}{left}", style="dim")
