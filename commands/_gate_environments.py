"""`gate --base-env`, `--head-env`: the same code under two environments, measured interleaved."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from commands._asking import asked_files
from commands._cures import USUAL_FILE, after_freeing_space
from commands._folders import LOG, open_folder, record
from commands._gate_blocks import settings_of_sides
from commands._gate_revisions import show
from commands._gate_rule import rule_for
from commands._preparing import (
    ChosenScenarios,
    find_scenarios,
    names_of_plugins,
    patterns,
    refuse_too_many,
)
from reports.gate.text import differing
from suite.counted import counted
from suite.environments.asked import HERE, read_environment
from suite.environments.environment import Environment, differences, ready
from suite.gate.blocks import Sides
from suite.gate.checkouts import Aliases
from suite.gate.inventory import Inventory, take_stock
from suite.gate.outcome import GateOutcome
from suite.gate.run import BASE_FOLDER, Asked, measure
from suite.gate.side import BASE, HEAD, NULL, Side
from suite.measuring import new_run
from suite.measuring.settings import Settings
from suite.messages.judge import TorchFacts
from suite.processes.fork_server import chosen_environment
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Catalogue, read_catalogue, require_files
from suite.results.comparable import fingerprint, kept_variables
from suite.results.folder import finish_manifest, read_manifest, write_manifest
from suite.results.request import GateRequest

EQUAL = "both environments are equal: an A/A run, in which whatever is blamed would be by chance"


def between_environments(
    request: GateRequest, out: Path | None, console: Console
) -> tuple[GateOutcome, Path]:
    """Measure this code under both; return the outcome, and the folder that holds the samples.

    A budget begins when both are there: making one takes as long as its packages take.
    """
    request = replace(request, files=request.files or asked_files([USUAL_FILE]))
    plugins = [Path(str(plugin)) for plugin in request.plugins]
    require_files(plugins)
    base = _ready(request.base_env, "--base-env", console)
    head = _ready(request.head_env, "--head-env", console)
    began = time.monotonic()
    with scratch_folder() as scratch:
        log = scratch / "start.log"
        chosen = find_scenarios(request, log)
        both = (base, head)
        facts = [_torch_facts(environment, log, chosen) for environment in both]
        old, new = (_catalogue(environment, plugins, log, chosen) for environment in both)
        inventory = take_stock(old, new, _asked_for(chosen, old, new), asked_by="--impl")
        refuse_too_many(request, len(chosen.scenarios), len(inventory.both))
        apart = (*differences(base, head), *_of_torch(*facts))
        name = "gate-" + "-".join(file.name for file in chosen.files)
        folder = open_folder(out, name)
        settings = settings_of_sides(
            request,
            folder / LOG,
            blocks=request.blocks,
            reference="base environment",
        )
        rule = rule_for(request.margin, request.blocks, chosen.scenarios)
        manifest = record(
            replace(chosen, facts=facts[1]),
            new,
            folder,
            name,
            settings,
            console,
            gate=dataclasses.asdict(rule),
        )
        write_manifest(folder, _manifest(manifest, head, facts[1]))
        (folder / BASE_FOLDER).mkdir(exist_ok=True)
        write_manifest(
            folder / BASE_FOLDER, {**_manifest(manifest, base, facts[0]), "name": "base"}
        )
        console.print(
            f"{counted(len(chosen.scenarios), 'scenario')} × "
            f"{counted(len(inventory.both), 'implementation')}, "
            f"{base.name} → {head.name}, into {folder}",
            soft_wrap=True,
        )
        for line in differing(apart) or [EQUAL]:
            console.print(line, soft_wrap=True)
        notes = list(dict.fromkeys([*old.failures, *new.failures]))
        asked = Asked(
            base=base.name,
            head=head.name,
            rule=rule,
            budget_s=request.budget_s,
            began=began,
            accept=request.accept,
            notes=(*notes, *([] if apart else [EQUAL])),
            differences=apart,
        )
        with after_freeing_space(request.command_line()):
            outcome = _measure(asked, inventory, chosen, both, settings, folder, console)
    verdict = {"state": outcome.state, "text": outcome.sentence}
    write_manifest(folder, {**read_manifest(folder), "verdict": verdict})
    finish_manifest(folder, {"wall_s": outcome.wall_s, "interrupted": outcome.interrupted})
    return outcome, folder


def _ready(asked: str | None, asked_by: str, console: Console) -> Environment:
    return ready(
        read_environment(HERE if asked is None else asked, asked_by),
        asked_by,
        lambda text: console.print(text, style="dim", soft_wrap=True),
    )


def _measure(
    asked: Asked,
    inventory: Inventory,
    chosen: ChosenScenarios[GateRequest],
    both: Sequence[Environment],
    settings: Settings,
    folder: Path,
    console: Console,
) -> GateOutcome:
    base, head = (environment.interpreter for environment in both)
    aliases = Aliases()

    def side(label: str) -> Side:
        interpreter = head if label == HEAD else base
        return Side(label, new_run.TREE, aliases, settings, interpreter=interpreter)

    try:
        return measure(
            asked,
            inventory,
            chosen.scenarios,
            sides=Sides(base=side(BASE), head=side(HEAD), null=side(NULL)),
            settings=settings,
            folder=folder,
            reproduce=lambda cell: chosen.request.of_cell(
                cell.scenario.id, cell.head.name
            ).command_line(),
            watch=lambda progress: show(console, progress),
        )
    finally:
        aliases.remove()


def _torch_facts(
    environment: Environment, log: Path, chosen: ChosenScenarios[GateRequest]
) -> TorchFacts:
    if environment.is_this_one:
        return chosen.facts
    return new_run.torch_facts(log, environment.interpreter, f"under {environment.name}")


def _catalogue(
    environment: Environment,
    plugins: Sequence[Path],
    log: Path,
    chosen: ChosenScenarios[GateRequest],
) -> Catalogue:
    interpreter = None if environment.is_this_one else environment.interpreter
    return read_catalogue(new_run.TREE, plugins, log, chosen.scenarios, interpreter)


def _asked_for(chosen: ChosenScenarios[GateRequest], old: Catalogue, new: Catalogue) -> list[str]:
    """Return which rows to gate: as asked; else the plug-ins', or the files' choice."""
    either = _either(old, new)
    own = names_of_plugins(chosen.request, either)
    return own if own and not chosen.request.implementations else patterns(chosen, either)


def _either(old: Catalogue, new: Catalogue) -> Catalogue:
    """Return what either side has: a name that only one knows is no slip of the user's."""
    return Catalogue(tuple({e.name: e for e in (*old.entries, *new.entries)}.values()), ())


def _of_torch(base: TorchFacts, head: TorchFacts) -> list[str]:
    """Return in what torch differs apart from its version: what it was told to use."""
    if base.cpu_capability == head.cpu_capability:
        return []
    return [f"torch's vectors {base.cpu_capability} → {head.cpu_capability}"]


def _manifest(
    manifest: dict[str, Any], environment: Environment, facts: TorchFacts
) -> dict[str, Any]:
    """Return a manifest as it would be of a run in that environment, which it describes."""
    threads = environment.interpreter.threads or manifest["machine"]["threads"]
    machine = {
        **manifest["machine"],
        **dataclasses.asdict(facts),
        "python": environment.facts.version,
        "threads": threads,
    }
    return {
        **manifest,
        "machine": {**machine, "fingerprint": fingerprint(machine)},
        **kept_variables({**chosen_environment(), **environment.interpreter.variables}),
        "python_environment": {
            "asked": environment.name,
            "python": environment.facts.python,
            "packages": dict(environment.facts.packages),
            "variables": dict(environment.interpreter.variables),
        },
    }
