"""From what was asked to what will be measured: the steps that all measuring commands begin with.

request ─► scenario files, scenarios on their device ─► implementations ─► arms, settings
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from rich.console import Console

from reports.progress import waiting
from suite.conditions import Scenario
from suite.errors import UsageError
from suite.measuring import new_run, selection
from suite.measuring.arm import Arm
from suite.measuring.settings import Settings
from suite.messages.judge import TorchFacts
from suite.processes import caches
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Catalogue, read_catalogue, require_files
from suite.results.request import Precision, Request
from suite.scenario import ScenarioFile, load_files

MOST_CELLS = 50_000
MOST_BLOCKS = 60
"""Of a cell, however fine a precision is asked for: a minute of a short one."""

AnyRequest = TypeVar("AnyRequest", bound=Request)
Narrow = Callable[[list[Scenario]], list[Scenario]]
"""What a command makes of the scenarios that were asked for, before they go to a device."""


@dataclass(frozen=True, kw_only=True)
class ChosenScenarios(Generic[AnyRequest]):
    """The scenarios that were asked for."""

    request: AnyRequest
    """With its device and its threads settled: "auto" and what was left out are decided."""
    files: tuple[ScenarioFile, ...]
    scenarios: list[Scenario]
    facts: TorchFacts
    """What torch is and sees here."""


@dataclass(frozen=True, kw_only=True)
class Prepared(ChosenScenarios[AnyRequest]):
    """All that was asked for, ready to be measured."""

    catalogue: Catalogue
    arms: list[Arm]


Choose = Callable[[ChosenScenarios[AnyRequest], Catalogue], list[Arm]]


def load(names: Sequence[object], *, yes: bool) -> tuple[ScenarioFile, ...]:
    """Load scenario files; with `yes` however many scenarios they hold."""
    limit: dict[str, Any] = {"most": None} if yes else {"lifted_by": "--yes"}
    return load_files(map(str, names), **limit)


def find_scenarios(
    request: AnyRequest,
    log: Path,
    *,
    instead: Sequence[Scenario] = (),
    narrow: Narrow = list,
) -> ChosenScenarios[AnyRequest]:
    """Return the scenarios of the files that were named, on the device that was asked for.

    Args:
        instead: what to choose from where no file was named.
    """
    files = load(request.files, yes=request.yes)
    facts = new_run.torch_facts(log)
    everything = [scenario for file in files for scenario in file.scenarios] or instead
    chosen = selection.chosen_scenarios(everything, request.scenarios, asked_by="--scenario")
    device = selection.chosen_device(
        request.device, lambda: facts.gpu is not None, asked_by="--device"
    )
    settled = replace(request, device=device, threads=selection.chosen_threads(request.threads))
    scenarios = selection.on_device(narrow(chosen), device, facts, asked_by="--device")
    return ChosenScenarios(request=settled, files=files, scenarios=scenarios, facts=facts)


def prepare(
    request: AnyRequest,
    console: Console,
    choose: Choose[AnyRequest],
    *,
    instead: Sequence[Scenario] = (),
    narrow: Narrow = list,
) -> Prepared[AnyRequest]:
    """Find what was asked for; an implementation that does not import is one dim line.

    Args:
        choose: the arms among all implementations.
    """
    plugins = [Path(str(plugin)) for plugin in request.plugins]
    require_files(plugins)
    with scratch_folder() as scratch:
        log = scratch / "start.log"
        chosen = find_scenarios(request, log, instead=instead, narrow=narrow)
        with waiting("asking the implementations what they cover", console):
            catalogue = read_catalogue(new_run.TREE, plugins, log, chosen.scenarios)
    for failure in filter(None, (*catalogue.failures, caches.remark())):
        console.print(failure, style="dim", soft_wrap=True)
    return Prepared(
        request=chosen.request,
        files=chosen.files,
        scenarios=chosen.scenarios,
        facts=selection.facts_on(chosen.scenarios, chosen.facts),
        catalogue=catalogue,
        arms=choose(chosen, catalogue),
    )


def chosen_arms(
    catalogue: Catalogue,
    patterns: Sequence[str],
    reference: str | None = None,
    *,
    by_file: bool = False,
) -> list[Arm]:
    """Return the arms of these names; the reference is always among them.

    Args:
        by_file: whether scenario files list them, and the user named none.
    """
    return selection.chosen_arms(
        catalogue,
        patterns,
        reference,
        asked_by="--impl",
        reference_asked_by="--reference",
        by_file=by_file,
    )


def patterns(chosen: ChosenScenarios[Any], catalogue: Catalogue) -> list[str]:
    """Return which implementations to run: as asked, or as the files say, plug-ins added."""
    asked = list(chosen.request.implementations)
    if asked or not all(file.implementations for file in chosen.files):
        return asked
    named = [name for file in chosen.files for name in file.implementations]
    return [*named, *names_of_plugins(chosen.request, catalogue)]


def names_of_plugins(request: Request, catalogue: Catalogue) -> list[str]:
    """Return what the plug-in files registered."""
    files = {plugin.path for plugin in request.plugins}
    return [entry.name for entry in catalogue.entries if entry.source.location in files]


def refuse_too_many(request: Request, scenarios: int, arms: int) -> None:
    cells = scenarios * arms
    if cells > MOST_CELLS and not request.yes:
        raise UsageError(
            f"{cells:,} cells are more than {MOST_CELLS:,}; name fewer implementations with "
            "--impl, cut the grid, or confirm with --yes"
        )


def settings_for_precision(asked: Precision, blocks: int | None) -> dict[str, Any]:
    """Return the settings with which a run reaches a precision; blocks as asked, if they were.

    Half the width takes four times the blocks.
    """
    finer = max(1.0, Precision.percent / asked.percent)
    return {
        "target_half_width": asked.percent / 100,
        "lost_half_width": max(Settings.lost_half_width, asked.percent / 100),
        "all_precise": asked.every_row,
        "cell_budget_s": Settings.cell_budget_s * finer**2,
        "blocks": blocks or min(MOST_BLOCKS, math.ceil(Settings.blocks * finer**2)),
    }


def settings_for(request: Request, log: Path, **others: Any) -> Settings:
    """Return settings as asked; `others` that are None as usual."""
    return Settings(
        threads=selection.chosen_threads(request.threads),
        log=log,
        timeout_s=request.timeout_s,
        memory_limit_bytes=selection.chosen_memory_limit_bytes(request.memory_limit_gib),
        **{name: value for name, value in others.items() if value is not None},
    )
