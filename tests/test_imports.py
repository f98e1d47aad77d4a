"""Arrows one way: who may import whom, stated over the import statements themselves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

ENGINE = {
    "cuda_timing",
    "cuda_context",
    "timers",
    "worker",
    "judge",
    "operation",
    "inputs",
    "correctness",
    "timing",
    "invocation",
} | {
    *("faults", "guard", "inner", "operators", "preload"),
    *("state", "memory", "ceilings", "watch"),
    # of suite.pytest_plugin
    "pytest_call",
    # of suite.capture
    *("recorder", "process"),
    # of suite.profiling
    *("bench", "phase_times", "operator_view", "traffic", "live_bytes", "thread_times"),
    "regression",  # numpy only: in the workers of `auto`, and in `tune`
}
"""Modules of suite that run in processes with torch; nothing else in suite may import it."""


def imported(path: Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module or ""} | {f"{node.module}.{a.name}" for a in node.names}
    return names


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", sorted((ROOT / "suite").rglob("*.py")), ids=lambda p: p.stem)
def test_suite_imports_neither_implementations_nor_reports(path):
    assert not packages(imported(path)) & {"impls", "reports", "commands", "run_bench", "tests"}


@pytest.mark.parametrize("path", sorted((ROOT / "suite").rglob("*.py")), ids=lambda p: p.stem)
def test_only_what_runs_in_workers_and_the_judge_imports_torch_at_the_top(path):
    if path.stem not in ENGINE:
        heavy = {"torch", "numpy", "pandas", "matplotlib", "scipy", "numba"}
        assert not packages(imported(path, top_level_only=True)) & heavy


@pytest.mark.parametrize("path", sorted((ROOT / "impls").rglob("*.py")), ids=lambda p: p.stem)
def test_implementations_import_only_the_contract_and_private_helpers(path):
    for name in imported(path):
        package, _, rest = name.partition(".")
        assert package not in {"reports", "commands", "run_bench", "tests"}
        if package == "suite":
            contract = ("Problem", "Unsupported", "register", "registry", "problem", "errors", "")
            allowed = {*contract, "phases"}  # marks of the phases, which profiling listens to
            allowed |= {"tuning"} if path.stem == "auto" else set()
            assert rest.partition(".")[0] in allowed, name
        if package == "impls" and rest:
            assert rest.startswith("_"), f"{path.name} imports another implementation: {name}"


@pytest.mark.parametrize("path", sorted((ROOT / "reports").rglob("*.py")), ids=lambda p: p.stem)
def test_reports_can_be_rebuilt_without_torch(path):
    assert not packages(imported(path)) & {"torch", "impls", "commands", "run_bench"}


MEASURING = ENGINE | {
    *("arm", "capture", "catalogue", "check", "demo", "lane", "machine", "plan", "processes"),
    *("race", "referee", "registry", "runner"),
}
"""Modules of suite that find, start or time what is measured."""


@pytest.mark.parametrize("path", sorted((ROOT / "reports").rglob("*.py")), ids=lambda p: p.stem)
def test_reports_know_results_and_nothing_of_how_they_were_measured(path):
    found = [name.split(".")[1:] for name in imported(path) if name.startswith("suite.")]
    assert not {parts[0] for parts in found} & MEASURING
    of_gate = {parts[1] for parts in found if parts[0] == "gate" and len(parts) > 1}
    assert of_gate <= {"calibrated", "outcome", "facts", "verdict"}
