"""`run --model`: from a model's name to what a run measures, and what is done before its blocks."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from rich.console import Console

from commands._preparing import ChosenScenarios, Prepared, chosen_arms
from reports.progress import waiting
from suite.capture import Target, TooSlow, parse_input
from suite.errors import UsageError
from suite.measuring import new_run, selection
from suite.measuring.arm import Arm
from suite.measuring.settings import Settings
from suite.model_runs.arms import USUAL_REFERENCE, rows_by_force, ways
from suite.model_runs.optimising import is_optimised, optimised
from suite.model_runs.surveying import survey_model
from suite.processes import caches
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Catalogue, read_catalogue, require_files
from suite.results.request import AskedFile, RunRequest
from suite.scenario import ScenarioFile
from suite.workload import NetworkScenario

ONLY_OF_MODELS = ("inputs", "train", "dtype", "optimize_budget_s")
NOT_OF_MODELS = {
    "environments": "its arms run in this environment",
    "scenarios": "a model is one scenario",
    "shard": "a model is one scenario",
    "on": "a model is measured on this machine; `capture` writes its convolutions to a scenario "
    "file, which --on takes",
    "each": "a model is measured on this machine",
    "profile": "single convolutions are profiled; `capture` writes those of a model",
    "energy": "joules are measured of single convolutions",
}
SURVEY_TIMEOUT_S = 300.0
OPTIMIZE_SHARE = 0.4
"""Of --budget that `optimize` gets at most."""
SETTINGS: dict[str, Any] = {
    "block_s": 1.0,
    "first_block_s": 0.4,
    "behind_block_s": 0.4,
    "cell_budget_s": 15.0,
    "lost_budget_s": 6.0,
}
"""Where a process builds a whole model first, longer blocks cost little; compiling one takes
minutes."""


LEAST_TIMEOUT_S = 600.0


def settings_of_models(settings: Settings) -> Settings:
    """Return how a model run measures; a precision or a time limit above the usual stays."""
    longer = settings.cell_budget_s / Settings.cell_budget_s
    return dataclasses.replace(
        settings,
        **{**SETTINGS, "cell_budget_s": SETTINGS["cell_budget_s"] * longer},
        timeout_s=max(settings.timeout_s, LEAST_TIMEOUT_S),
    )


def asked_model(text: str) -> AskedFile:
    """Return a model as it was named: with the file's place, if it is in one."""
    module, _, name = text.rpartition(":")
    path = f"{Path(module).resolve()}:{name}" if module.endswith(".py") else text
    return AskedFile(text, path)


def refuse_mixtures(request: RunRequest) -> None:
    """Stop where options of model runs and of others were given together.

    Raises:
        UsageError: it says which.
    """
    options = {asked.name: option for option, asked in RunRequest.options()}
    if request.model is None:
        for name in ONLY_OF_MODELS:
            if getattr(request, name) != getattr(RunRequest(), name):
                raise UsageError(
                    f"{options[name]} is about a model; name it with --model FILE.py:BUILD"
                )
        return
    if request.files:
        raise UsageError(
            f"--model and scenario files ({', '.join(map(str, request.files))}) are runs of their "
            "own; name one of them"
        )
    if not request.inputs:
        raise UsageError(
            "--model needs what it is called with: --input 1x3x224x224, in the order of the "
            "arguments"
        )
    for name, reason in NOT_OF_MODELS.items():
        if getattr(request, name) != getattr(RunRequest(), name):
            raise UsageError(f"{options[name]} and --model do not go together: {reason}")
    if request.device not in (None, "cpu"):
        raise UsageError(f"--device {request.device}: a model is run on the CPU only")


def prepare_network(request: RunRequest, console: Console) -> Prepared[RunRequest]:
    """Find what was asked for: the model's scenario, and the arms that compute it.

    Raises:
        UsageError: a model that cannot be run; an unknown arm.
    """
    model = request.model
    assert model is not None
    if request.reference == RunRequest.reference:
        request = dataclasses.replace(request, reference=USUAL_REFERENCE)
    target = Target.parse(model.path)
    inputs = [parse_input(text, request.dtype, asked_by="--input") for text in request.inputs]
    plugins = [Path(str(plugin)) for plugin in request.plugins]
    require_files(plugins)
    with scratch_folder() as scratch:
        log = scratch / "start.log"
        facts = new_run.torch_facts(log)
        try:
            with waiting(f"running {model} once", console):
                scenario = survey_model(
                    target,
                    inputs,
                    dtype=request.dtype,
                    train=request.train,
                    timeout_s=SURVEY_TIMEOUT_S,
                    memory_limit_bytes=selection.chosen_memory_limit_bytes(
                        request.memory_limit_gib
                    ),
                    log=log,
                    asked_by="--input",
                )
        except TooSlow as error:
            raise UsageError(f"{error}: it is not run") from error
        catalogue = _catalogue(request, scenario, plugins, log)
    for failure in filter(None, (*catalogue.failures, caches.remark())):
        console.print(failure, style="dim", soft_wrap=True)
    settled = dataclasses.replace(
        request, device="cpu", threads=selection.chosen_threads(request.threads)
    )
    chosen = ChosenScenarios(
        request=settled, files=(model_file(model),), scenarios=[scenario], facts=facts
    )
    patterns = list(request.implementations)
    return Prepared(
        request=settled,
        files=chosen.files,
        scenarios=chosen.scenarios,
        facts=facts,
        catalogue=catalogue,
        arms=chosen_arms(catalogue, patterns, request.reference),
    )


def _catalogue(
    request: RunRequest, scenario: NetworkScenario, plugins: Sequence[Path], log: Path
) -> Catalogue:
    """Return the arms that there are; rows by force only where somebody asks for any."""
    usual = ways([scenario])
    names = [entry.name for entry in usual]
    asked = [*request.implementations, request.reference]
    are_ways = all(any(fnmatchcase(name, pattern) for name in names) for pattern in asked)
    if are_ways and not plugins and "*" not in asked:
        return Catalogue(tuple(usual), ())
    rows = read_catalogue(new_run.TREE, plugins, log)
    return Catalogue((*usual, *rows_by_force(rows, [scenario])), rows.failures)


def model_file(model: AskedFile) -> ScenarioFile:
    """Return the file that a model is in, as a manifest keeps it: its text, if it is in one."""
    target = Target.parse(model.path)
    path = Path(target.module)
    text = (
        path.read_text(encoding="utf-8", errors="replace") if target.module.endswith(".py") else ""
    )
    return ScenarioFile(
        path=path,
        name=target.title,
        description="",
        text=text,
        implementations=(),
        scenarios=(),
    )


def ready(
    prepared: Prepared[RunRequest], folder: Path, settings: Settings, console: Console
) -> tuple[Prepared[RunRequest], float | None]:
    """Return what is measured with `optimize` done, and what is left of the budget for the rest."""
    request, budget_s = prepared.request, prepared.request.budget_s
    arms: list[Arm] = []
    for arm in prepared.arms:
        if not is_optimised(arm) or arm.unsupported:
            arms.append(arm)
            continue
        (scenario,) = prepared.scenarios
        assert isinstance(scenario, NetworkScenario)
        own_s = request.optimize_budget_s
        if budget_s is not None:
            own_s = min(own_s, OPTIMIZE_SHARE * budget_s)
        began = time.monotonic()
        with waiting(f"{arm.name}: choosing rows for some {own_s:.0f} s", console):
            arms.append(
                optimised(
                    arm,
                    scenario,
                    folder,
                    budget_s=own_s,
                    threads=settings.threads,
                    memory_limit_bytes=settings.memory_limit_bytes,
                    log=settings.log,
                )
            )
        if budget_s is not None:
            budget_s = max(1.0, budget_s - (time.monotonic() - began))
    return dataclasses.replace(prepared, arms=arms), budget_s
