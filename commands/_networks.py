"""`run --model`: from a model's name to what a run measures, and what is done before its blocks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from commands._preparing import Choose, ChosenScenarios, Prepared, chosen_arms
from reports.progress import waiting
from suite.capture import Target, TooSlow, parse_input
from suite.errors import UsageError
from suite.measuring import new_run, selection
from suite.measuring.settings import Settings
from suite.model_runs.arms import USUAL_REFERENCE, rows_by_force, ways
from suite.model_runs.surveying import survey_model
from suite.processes import caches
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Catalogue, read_catalogue, require_files
from suite.results.request import AskedFile, ModelRequest, RunRequest
from suite.scenario import ScenarioFile
from suite.workload import NetworkScenario

AnyModelRequest = TypeVar("AnyModelRequest", bound=ModelRequest)

ONLY_OF_MODELS = ("inputs", "train", "dtype", "optimize_budget_s")
NO_ENVIRONMENT = (
    "each environment would have to build the model; run it in both with `run --model`, then "
    "`compare` the folders"
)
NOT_OF_MODELS = {
    "environments": "its arms run in this environment",
    "scenarios": "a model is one scenario",
    "shard": "a model is one scenario",
    "on": "a model is measured on this machine; `capture` writes its convolutions to a scenario "
    "file, which --on takes",
    "each": "a model is measured on this machine",
    "profile": "single convolutions are profiled; `capture` writes those of a model",
    "energy": "joules are measured of single convolutions",
    "base_env": NO_ENVIRONMENT,
    "head_env": NO_ENVIRONMENT,
}
SURVEY_TIMEOUT_S = 300.0
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


def settings_of_models(settings: Settings, request: ModelRequest) -> Settings:
    """Return how a model run measures; a precision or a time limit above the usual stays.

    The judge, and what looks for noise, has as many threads as any scenario.
    """
    longer = settings.cell_budget_s / Settings.cell_budget_s
    return dataclasses.replace(
        settings,
        **{**SETTINGS, "cell_budget_s": SETTINGS["cell_budget_s"] * longer},
        threads=max((settings.threads, *request.more_threads)),
        timeout_s=max(settings.timeout_s, LEAST_TIMEOUT_S),
    )


def refuse_mixtures(request: ModelRequest, *, inputs_are_known: bool = False) -> None:
    """Stop where options of models and of others were given together.

    Args:
        inputs_are_known: whether what the model is called with has not to be said.

    Raises:
        UsageError: it says which.
    """
    options = {asked.name: option for option, asked in request.options()}
    usual = type(request)()
    given = [name for name in options if getattr(request, name) != getattr(usual, name)]
    if request.model is None:
        if request.more_threads:
            counts = ", ".join(map(str, request.thread_counts))
            raise UsageError(
                f"--threads is given several times, which is for --model; a scenario file says "
                f"`threads: [{counts}]`"
            )
        for name in ONLY_OF_MODELS:
            if name in given:
                raise UsageError(
                    f"{options[name]} is about a model; name it with --model FILE.py:BUILD"
                )
        return
    if request.files:
        raise UsageError(
            f"--model and scenario files ({', '.join(map(str, request.files))}) are runs of their "
            "own; name one of them"
        )
    if not request.inputs and not inputs_are_known:
        raise UsageError(
            "--model needs what it is called with: --input 1x3x224x224, in the order of the "
            "arguments"
        )
    for name, reason in NOT_OF_MODELS.items():
        if name in given:
            raise UsageError(f"{options[name]} and --model do not go together: {reason}")
    if request.device not in (None, "cpu"):
        raise UsageError(f"--device {request.device}: a model is run on the CPU only")


def prepare_network(request: RunRequest, console: Console) -> Prepared[RunRequest]:
    """Find what was asked for: the model's scenarios, and the arms that compute it.

    Raises:
        UsageError: a model that cannot be run; an unknown arm.
    """
    if request.reference == RunRequest.reference:
        request = dataclasses.replace(request, reference=USUAL_REFERENCE)
    return prepare_arms(
        request,
        console,
        lambda _, catalogue: chosen_arms(
            catalogue, list(request.implementations), request.reference
        ),
        named=[*request.implementations, request.reference],
    )


def prepare_arms(
    request: AnyModelRequest,
    console: Console,
    choose: Choose[AnyModelRequest],
    *,
    named: Sequence[str],
) -> Prepared[AnyModelRequest]:
    """Run the model once, and find the arms that compute it.

    Args:
        choose: the arms among all that there are.
        named: names and patterns that these are looked for by.
    """
    model = request.model
    assert model is not None
    target = Target.parse(model.path)
    plugins = [Path(str(plugin)) for plugin in request.plugins]
    require_files(plugins)
    with scratch_folder() as scratch:
        log = scratch / "start.log"
        facts = new_run.torch_facts(log)
        with waiting(f"running {model} once", console):
            scenario = surveyed(request, target, log)
        scenarios = by_threads(scenario, request)
        catalogue = _catalogue(named, scenarios, plugins, log)
    for failure in filter(None, (*catalogue.failures, caches.remark())):
        console.print(failure, style="dim", soft_wrap=True)
    settled = dataclasses.replace(
        request, device="cpu", threads=selection.chosen_threads(request.threads)
    )
    chosen: ChosenScenarios[AnyModelRequest] = ChosenScenarios(
        request=settled, files=(model_file(model),), scenarios=[*scenarios], facts=facts
    )
    return Prepared(
        request=settled,
        files=chosen.files,
        scenarios=chosen.scenarios,
        facts=facts,
        catalogue=catalogue,
        arms=choose(chosen, catalogue),
    )


def surveyed(
    request: ModelRequest,
    target: Target,
    log: Path,
    *,
    folder: Path | None = None,
    tree: Path | None = None,
) -> NetworkScenario:
    """Run a model once; return what there is to measure.

    Args:
        folder: that a dotted name is found from; None: the current one.
        tree: a checkout to import from first.

    Raises:
        UsageError: it cannot be run.
    """
    try:
        return survey_model(
            target,
            [parse_input(text, request.dtype, asked_by="--input") for text in request.inputs],
            dtype=request.dtype,
            train=request.train,
            timeout_s=SURVEY_TIMEOUT_S,
            memory_limit_bytes=selection.chosen_memory_limit_bytes(request.memory_limit_gib),
            log=log,
            asked_by="--input",
            folder=folder,
            tree=tree,
        )
    except TooSlow as error:
        raise UsageError(f"{error}: it is not run") from error


def by_threads(scenario: NetworkScenario, request: ModelRequest) -> list[NetworkScenario]:
    """Return a scenario for each number of threads; the scenario itself where there is one."""
    if not request.more_threads:
        return [scenario]
    return [
        dataclasses.replace(scenario, id=f"{scenario.id}-t{threads}", threads=threads)
        for threads in request.thread_counts
    ]


def _catalogue(
    named: Sequence[str], scenarios: Sequence[NetworkScenario], plugins: Sequence[Path], log: Path
) -> Catalogue:
    """Return the arms that there are; rows by force only where somebody asks for any."""
    usual = ways(scenarios)
    names = [entry.name for entry in usual]
    are_ways = all(any(fnmatchcase(name, pattern) for name in names) for pattern in named)
    if are_ways and not plugins and "*" not in named:
        return Catalogue(tuple(usual), ())
    rows = read_catalogue(new_run.TREE, plugins, log)
    return Catalogue((*usual, *rows_by_force(rows, scenarios)), rows.failures)


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
