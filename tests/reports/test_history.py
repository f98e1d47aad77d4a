"""`history` over folders that runs wrote: trends, changes, and runs that do not belong."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pytest

from reports.history.cell_history import history
from reports.history.text import lines, markdown
from suite.problem import Scenario
from suite.results.comparable import comparability
from suite.results.folder import ResultWriter, Run
from tests.reports.synthetic import cell, manifest, problem, small_run
from tests.unlike_runs import KINDS, told, unlike

SCENARIO = Scenario(
    id="quick/vgg", problem=problem(in_channels=128, out_channels=256, kernel=3, size=28)
)
SLOWDOWN = 1.15
SLOWER_FROM = 8
RUNS = 14


def at_day(run: Run, day: int) -> Run:
    manifest = {**run.manifest, "started_at": f"2026-11-{day:02d}T12:00:00+00:00"}
    return dataclasses.replace(run, manifest=manifest)


def slowed(result: Any, factor: float) -> Any:
    record = result.to_dict()
    for block in record["blocks"]:
        block["samples_s"] = [factor * sample for sample in block["samples_s"]]
    return type(result).from_dict(record)


def write_run(folder: Path, day: int, *, factor: float = 1.0, **machine: object) -> None:
    """Write a run of torch and unfold, whose times drift together; unfold is slower by `factor`."""
    folder.mkdir(parents=True)
    draw = random.Random(day)
    facts = copy.deepcopy(manifest([SCENARIO], ["torch", "unfold"]))
    facts["started_at"] = f"2026-11-{day + 1:02d}T12:00:00+00:00"
    facts["git_revision"] = f"{day:02d}" * 20
    facts["machine"] |= machine
    (folder / "manifest.json").write_text(json.dumps(facts))
    writer = ResultWriter(folder)
    writer.add(cell(SCENARIO, "torch", draw=draw))
    writer.add(slowed(cell(SCENARIO, "unfold", draw=draw), factor))
    writer.close()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Fourteen runs, unfold slower by 15 % from the ninth on; names do not follow the days."""
    for day in range(RUNS):
        write_run(
            tmp_path / "runs" / f"{(day * 5) % RUNS:02d}",
            day,
            factor=SLOWDOWN if day >= SLOWER_FROM else 1.0,
        )
    return tmp_path / "runs"


def test_a_change_of_level_is_named_with_the_run_that_brought_it(runs, command):
    said = command("history", runs)
    assert said.code == 0
    assert said.out.startswith("14 runs, 2 cells: 1 change of level in 1 cell")
    (line,) = [line for line in said.out.splitlines() if "slower" in line]
    assert "quick/vgg × unfold: 1.1" in line
    assert f"/{SLOWER_FROM * 5 % RUNS:02d} 0808080808 on" in line
    assert f"{(SLOWER_FROM - 1) * 5 % RUNS:02d} 0707070707" in line


def test_runs_of_another_machine_are_left_out_with_the_reason(runs, command):
    write_run(runs / "elsewhere", 3, cpu="Other CPU")
    said = command("history", runs)
    (line,) = [line for line in said.out.splitlines() if line.startswith("left out")]
    assert "elsewhere" in line
    assert "cpu Other CPU, the newest has AMD EPYC" in line
    assert said.out.splitlines()[0] == line
    assert said.out.splitlines()[1].startswith("14 runs")
    assert said.code == 5


def test_the_newest_run_says_which_machine_it_is_about(runs, command):
    write_run(runs / "elsewhere", 25, cpu="Other CPU")
    said = command("history", runs)
    assert said.code == 5
    assert said.out.count("left out") == RUNS


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_difference_leaves_a_run_out_and_is_named(kind):
    newest = at_day(told(small_run()), 2)
    other, _ = unlike(at_day(small_run(), 1), kind)
    found = history([newest, other])
    assert found.runs == (newest,)
    (left,) = found.left_out
    (planted,) = comparability(other, newest).mismatches
    assert f"{planted.fact} {planted.first}, the newest has {planted.second}" in left.why
    assert f"left out: {other.folder}: another machine or setting" in "\n".join(lines(found))


def test_what_older_runs_do_not_tell_is_said_once():
    old = [at_day(small_run(), day) for day in (1, 2)]
    found = history([*old, at_day(told(small_run()), 3)])
    assert len(found.runs) == 3
    for said in ("\n".join(lines(found)), markdown(found)):
        assert said.count("taken as equal") == 1
        assert "caches" in said


def test_a_cell_that_was_another_problem_then_is_left_out_of_its_series():
    newest = at_day(small_run(), 2)
    first = newest.results[0]
    wider = dataclasses.replace(first.scenario.problem, width=57)
    other = dataclasses.replace(first, scenario=dataclasses.replace(first.scenario, problem=wider))
    found = history(
        [newest, at_day(dataclasses.replace(newest, results=(other, *newest.results[1:])), 1)]
    )
    assert {s.cell: len(s.points) for s in found.series}[first.key] == 1
    assert [left.why for left in found.left_out] == [
        f"{first.key}: another problem or setting under the same name"
    ]


def test_few_runs_show_times_and_no_changes(runs, command):
    said = command("history", runs / "00", runs / "05", runs / "10")
    assert said.code == 0
    assert "3 runs: too few to find changes, 7 are the least" in said.out
    assert "unfold" in said.out


def test_markdown_holds_changes_and_trends(runs, command, tmp_path):
    said = command("history", runs, "--out", tmp_path / "out")
    assert said.code == 0
    text = (tmp_path / "out" / "history.md").read_text(encoding="utf-8")
    assert "| quick/vgg × unfold | 1.1" in text
    assert "| quick/vgg × torch | 14 |" in text


def test_a_damaged_run_among_others_is_named_and_left_out(runs, command):
    (runs / "03" / "manifest.json").write_text("{")
    said = command("history", runs)
    assert said.code == 0
    assert "left out" in said.out
    assert "not a run's manifest" in said.out
    assert said.out.startswith("13 runs")


@pytest.mark.parametrize(
    ("folder", "said"), [("gone", "no such folder"), ("empty", "no manifest.json in it")]
)
def test_what_is_no_run_is_one_message(tmp_path, command, folder, said):
    (tmp_path / "empty").mkdir()
    answer = command("history", tmp_path / folder)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
