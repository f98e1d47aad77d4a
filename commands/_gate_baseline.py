"""`gate --baseline`: the working tree, measured now, against a stored run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console

from commands._choosing import ready
from commands._cures import after_freeing_space, storing_run
from commands._folders import LOG, open_folder, race, record
from commands._gate_rule import rule_for
from commands._networks import prepare_arms, settings_of_models
from commands._preparing import (
    Prepared,
    chosen_arms,
    prepare,
    refuse_too_many,
    settings_for,
)
from commands._resuming import from_here
from suite.conditions import Scenario
from suite.errors import NotComparable, UsageError
from suite.gate.baseline import compare, open_baseline
from suite.gate.outcome import GateOutcome
from suite.measuring.arm import Arm
from suite.registry.catalogue import Catalogue
from suite.results.cell import cell_key
from suite.results.folder import Run, finish_manifest, read_manifest, read_results, write_manifest
from suite.results.request import AskedFile, GateRequest, RunRequest, read_request
from suite.workload import network_of


def against_run(
    request: GateRequest, baseline: AskedFile, out: Path | None, console: Console
) -> tuple[GateOutcome, Path]:
    """Measure now what the stored run measured; return the outcome and the new run's folder."""
    base = _opened(request, baseline)
    stored = list({cell.scenario.id: cell.scenario for cell in base.results}.values())
    reference = base.results[0].reference
    is_of_model = _is_of_model(request, base)
    if is_of_model:
        request = _asked_as_stored(request, base)
        prepared = _prepared_model(request, base, console)
    else:
        prepared = prepare(
            request,
            console,
            lambda _, catalogue: _arms(request, base, catalogue),
            instead=stored,
        )
    request, scenarios, arms = prepared.request, prepared.scenarios, prepared.arms
    names, gone = _names(request, base, prepared.catalogue)
    known = {entry.name for entry in prepared.catalogue.entries}
    refuse_too_many(request, len(scenarios), len(arms))
    name = f"gate-{base.manifest.get('name') or 'baseline'}"
    folder = open_folder(out, name)
    settings = settings_for(
        request,
        folder / LOG,
        blocks=request.blocks,
        reference=reference if reference in known else None,
        all_precise=True,  # times are compared, and a row that is slower than others has one, too
    )
    if is_of_model:
        settings = settings_of_models(settings, request)
    rule = rule_for(request.margin, request.blocks, scenarios)
    rule_known = dataclasses.asdict(rule)
    record(prepared, prepared.catalogue, folder, name, settings, console, gate=rule_known)
    budget_s = request.budget_s
    with after_freeing_space(request.command_line()):
        if is_of_model:
            own_s = _stored_request(base).optimize_budget_s
            prepared, budget_s = ready(
                prepared, folder, settings, console, budget_s=budget_s, own_s=own_s
            )
        ended = race(prepared, folder, settings, budget_s, console)
    head = Run(folder, read_manifest(folder), tuple(read_results(folder)))
    notes = [f"no time left for {cell}" for cell in ended.not_measured]
    if reference not in known:
        notes.append(f"the reference {reference} of the baseline is not here: no control cells")
    outcome = compare(
        _within(base, scenarios, request),
        head,
        rule=rule,
        accept=request.accept,
        wanted={*names, *gone},
        reproduce={
            cell_key(scenario.id, arm.name): request.of_cell(scenario.id, arm.name).command_line()
            for scenario in scenarios
            for arm in arms
        },
        notes=notes,
        interrupted=ended.interrupted,
        wall_s=ended.time_spent.wall_s,
    )
    verdict = {"state": outcome.state, "text": outcome.sentence}
    write_manifest(folder, {**head.manifest, "verdict": verdict})
    finish_manifest(folder, {**ended.time_spent.summary(), "interrupted": ended.interrupted})
    return outcome, folder


def _opened(request: GateRequest, baseline: AskedFile) -> Run:
    path = Path(baseline.given)
    if not path.exists():
        folder = path.with_suffix("") if path.suffix == ".zip" else path
        raise NotComparable(
            f"--baseline {path}: not there; store a run first, then give its folder: "
            f"{storing_run(request, folder)}"
        )
    try:
        return open_baseline(path)
    except (NotComparable, UsageError) as error:
        raise type(error)(f"--baseline {error}") from error


def _is_of_model(request: GateRequest, base: Run) -> bool:
    """Return whether the stored run is one of a model.

    Raises:
        UsageError: it is not what the command line says.
    """
    is_of_model = any(network_of(cell.scenario) for cell in base.results)
    if request.model is not None and not is_of_model:
        raise UsageError(
            f"--baseline {request.baseline}: a run of scenario files, none of a model; leave out "
            "--model, or store a run of it first: run --model"
        )
    if is_of_model and (request.files or request.scenarios):
        given = f"scenario files ({', '.join(map(str, request.files))})"
        raise UsageError(
            f"--baseline {request.baseline}: a run of a model; leave out "
            f"{given if request.files else '--scenario'}"
        )
    return is_of_model


def _stored_request(base: Run) -> RunRequest:
    """Return what the stored run was asked; as far as its results tell where it was no `run`."""
    stored = read_request(base.manifest)
    if isinstance(stored, RunRequest) and stored.model is not None:
        return stored
    asked = {}
    if isinstance(stored, GateRequest) and stored.model is not None:
        asked = {
            name: getattr(stored, name) for name in ("model", "inputs", "dtype", "train", "threads")
        }
    network = next(filter(None, (network_of(cell.scenario) for cell in base.results)))
    name = f"{network.module}:{network.name}"
    of_results = {
        "model": AskedFile(name, name),
        "inputs": tuple(map(str, network.inputs)),
        "dtype": network.dtype,
        "train": network.train,
    }
    return RunRequest(**(asked or of_results))


def _asked_as_stored(request: GateRequest, base: Run) -> GateRequest:
    """Return the request with what the stored run was asked where it says nothing of it."""
    stored = _stored_request(base)
    assert stored.model is not None
    counts = {cell.scenario.threads: None for cell in base.results if cell.scenario.threads}
    threads = request.thread_counts or tuple(counts) or stored.thread_counts
    return dataclasses.replace(
        request,
        model=request.model or from_here(stored.model),
        inputs=request.inputs or stored.inputs,
        dtype=request.dtype or stored.dtype,
        train=request.train or stored.train,
        threads=threads[0] if threads else None,
        more_threads=threads[1:],
    )


def _prepared_model(request: GateRequest, base: Run, console: Console) -> Prepared[GateRequest]:
    assert request.model is not None
    module = request.model.path.rpartition(":")[0]
    if module.endswith(".py") and not Path(module).is_file():
        raise UsageError(
            f"--baseline {request.baseline}: its model {request.model} is not here; say where it "
            "is: --model FILE.py:BUILD"
        )
    named = [cell.implementation for cell in base.results]
    return prepare_arms(
        request, console, lambda _, catalogue: _arms(request, base, catalogue), named=named
    )


def _arms(request: GateRequest, base: Run, catalogue: Catalogue) -> list[Arm]:
    """Return the arms to measure again; the reference among them if it is here.

    Raises:
        NotComparable: none is here.
    """
    here, gone = _names(request, base, catalogue)
    if not here:
        raise NotComparable(
            f"--baseline {request.baseline}: none of its implementations is here any more: "
            f"{', '.join(gone)}"
        )
    reference = base.results[0].reference
    is_known = any(entry.name == reference for entry in catalogue.entries)
    return chosen_arms(catalogue, here, reference if is_known else None)


def _names(request: GateRequest, base: Run, catalogue: Catalogue) -> tuple[list[str], list[str]]:
    """Return the stored implementations to measure again, and those that are not here any more."""
    stored = list(dict.fromkeys(cell.implementation for cell in base.results))
    if asked := request.implementations:
        others = [pattern for pattern in asked if pattern not in stored]
        catalogue.select(others, asked_by="--impl")
        stored = [n for n in stored if any(fnmatchcase(n, pattern) for pattern in asked)]
    known = {entry.name for entry in catalogue.entries}
    return [n for n in stored if n in known], [n for n in stored if n not in known]


def _within(base: Run, scenarios: Sequence[Scenario], request: GateRequest) -> Run:
    """Return the stored run without what --scenario leaves out on purpose."""
    if not request.scenarios:
        return base
    ids = {scenario.id for scenario in scenarios}
    return dataclasses.replace(
        base, results=tuple(cell for cell in base.results if cell.scenario.id in ids)
    )
