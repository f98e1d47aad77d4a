"""`history` over folders that runs wrote: trends, changes, and runs that do not belong."""

from __future__ import annotations

import copy
import csv
import dataclasses
import io
import json
import random
from pathlib import Path

import pytest

from reports.history.cell_history import History, history
from reports.history.files import markdown
from reports.history.text import bars, lines
from suite.conditions import Scenario
from suite.results.cell import CellResult
from suite.results.comparable import comparability
from suite.results.contention import Contention
from suite.results.folder import ResultWriter, Run, read_run
from suite.results.timed import TimedRun, read_timed_run
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


def slowed(result: CellResult, factor: float, reference_factor: float = 1.0) -> CellResult:
    record = result.to_dict()
    for block in record["blocks"]:
        block["samples_s"] = [factor * sample for sample in block["samples_s"]]
        block["reference_s"] *= reference_factor
    return CellResult.from_dict(record)


def disturbed(run: Run) -> Run:
    """Return the run as it would be had others taken the cores in every block."""
    contention = Contention(others_share=1.0, disturbed=True)
    results = (
        dataclasses.replace(
            result,
            blocks=tuple(
                dataclasses.replace(block, contention=contention) for block in result.blocks
            ),
        )
        for result in run.results
    )
    return dataclasses.replace(run, results=tuple(results))


def history_of(*runs: Run) -> History:
    return history([TimedRun.of(run) for run in runs])


def write_run(
    folder: Path, day: int, *, factor: float = 1.0, swing: float = 1.0, **machine: object
) -> None:
    """Write a run of torch and unfold, whose times drift together.

    Args:
        factor: on unfold's times.
        swing: on torch's alone.
    """
    folder.mkdir(parents=True)
    draw = random.Random(day)
    facts = copy.deepcopy(manifest([SCENARIO], ["torch", "unfold"]))
    facts["started_at"] = f"2026-11-{day + 1:02d}T12:00:00+00:00"
    facts["git_revision"] = f"{day:02d}" * 20
    facts["plugins"] = [
        {
            "name": "/home/ada/filters/bench/mine.py",
            "repository": "filters",
            "path": "bench/mine.py",
            "git_revision": f"{day + 50:02d}" * 20,
            "git_dirty": day == SLOWER_FROM,
        }
    ]
    facts["machine"] |= machine
    (folder / "manifest.json").write_text(json.dumps(facts))
    writer = ResultWriter(folder)
    writer.add(slowed(cell(SCENARIO, "torch", draw=draw), swing, swing))
    writer.add(slowed(cell(SCENARIO, "unfold", draw=draw), factor, swing))
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
    assert said.out.startswith("14 runs from 2026-11-01 to 2026-11-14, 2 cells: 1 change of level")
    (line,) = [line for line in said.out.splitlines() if "(slower)" in line]
    assert "quick/vgg × unfold  +1" in line
    (after,) = [line for line in said.out.splitlines() if line.startswith("from ")]
    assert f"/{SLOWER_FROM * 5 % RUNS:02d}, 2026-11-09 12:00" in after
    (before,) = [line for line in said.out.splitlines() if line.startswith("last before: ")]
    assert f"/{(SLOWER_FROM - 1) * 5 % RUNS:02d}, 2026-11-08 12:00" in before


def test_a_change_names_the_revisions_of_the_plug_in_and_of_convgauge(runs, command):
    said = command("history", runs)
    assert "filters 5858585858+ (bench/mine.py), ConvGauge 0808080808" in said.out
    assert "filters 5757575757 (bench/mine.py), ConvGauge 0707070707" in said.out


def test_versions_stand_where_they_change(runs, command):
    write_run(runs / "later", RUNS, factor=SLOWDOWN, python="3.11.9")
    listed = command("history", runs).out.partition("\nruns\n")[2].splitlines()
    assert len(listed) == RUNS + 1
    assert "torch 2.13.0+cpu" in listed[0]
    assert "python 3.11.2" in listed[0]
    assert "python" not in listed[1]
    assert "python 3.11.9" in listed[-1]
    assert "torch" not in listed[-1]


def test_a_step_is_seen_in_its_own_time_where_the_reference_swings(tmp_path, command):
    """Torch took from 171 to 3,401 µs in such runs, so that no ratio to it meant anything."""
    swings = (1.0, 15.0, 2.2, 0.8, 9.0, 1.6, 20.0, 5.0)
    for day, swing in enumerate(swings):
        write_run(tmp_path / f"{day}", day, factor=1.14 if day > 3 else 1.0, swing=swing)
    said = command("history", tmp_path)
    (changed,) = [line for line in said.out.splitlines() if "(slower)" in line]
    assert "quick/vgg × unfold  +1" in changed
    (trend,) = [line for line in said.out.splitlines() if line.startswith("quick/vgg × unfold")]
    assert "time ±" in trend
    assert "(over torch's ×÷" in trend


def test_a_step_is_seen_over_the_reference_where_whole_days_are_slow(tmp_path, command):
    slow_days = (1.0, 1.5, 0.7, 1.2, 0.8, 1.6, 0.9, 1.3, 1.1, 0.75)
    for day, slow in enumerate(slow_days):
        factor = slow * (1.15 if day > 4 else 1.0)
        write_run(tmp_path / f"{day}", day, factor=factor, swing=slow)
    said = command("history", tmp_path)
    (changed,) = [line for line in said.out.splitlines() if "(slower)" in line]
    assert "over torch's time" in changed
    assert "in its own" in changed
    (trend,) = [line for line in said.out.splitlines() if line.startswith("quick/vgg × unfold")]
    assert "over torch's ±" in trend


def test_no_change_reads_as_that_and_not_as_a_ratio(tmp_path, command):
    for day in range(8):
        write_run(tmp_path / f"{day}", day)
    said = command("history", tmp_path)
    assert "8 runs from 2026-11-01 to 2026-11-08, 2 cells: no change of level" in said.out
    assert said.out.count("  unchanged  ") == 2
    assert "1.00×" not in said.out


def test_runs_of_another_machine_are_left_out_with_the_reason(runs, command):
    write_run(runs / "elsewhere", 3, cpu="Other CPU")
    said = command("history", runs)
    (line,) = [line for line in said.out.splitlines() if line.startswith("left out")]
    assert "elsewhere" in line
    assert "cpu Other CPU, the newest has AMD EPYC" in line
    assert said.out.splitlines()[0] == line
    assert said.out.splitlines()[1].startswith("14 runs")
    assert said.code == 5


def test_runs_that_cannot_be_read_for_one_reason_are_told_of_once(runs, command):
    for name in ("a", "b", "c"):
        write_run(runs / name, 3)
        (runs / name / "manifest.json").write_text("{}")
    said = command("history", runs)
    (line,) = [line for line in said.out.splitlines() if line.startswith("left out")]
    assert "a/manifest.json" in line.replace("\\", "/")
    assert line.endswith("(and 2 more like it)")


def test_the_newest_run_says_which_machine_it_is_about(runs, command):
    write_run(runs / "elsewhere", 25, cpu="Other CPU")
    said = command("history", runs)
    assert said.code == 5
    assert said.out.count("left out") == RUNS


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_difference_leaves_a_run_out_and_is_named(kind):
    newest = at_day(told(small_run()), 2)
    other, _ = unlike(at_day(small_run(), 1), kind)
    found = history_of(newest, other)
    assert found.runs == (TimedRun.of(newest),)
    (left,) = found.left_out
    (planted,) = comparability(other, newest).mismatches
    assert f"{planted.fact} {planted.first}, the newest has {planted.second}" in left.why
    assert f"left out: {other.folder}: another machine or setting" in "\n".join(lines(found))


def test_what_older_runs_do_not_tell_is_said_once():
    old = [at_day(small_run(), day) for day in (1, 2)]
    found = history_of(*old, at_day(told(small_run()), 3))
    assert len(found.runs) == 3
    for said in ("\n".join(lines(found)), markdown(found)):
        assert said.count("taken as equal") == 1
        assert "caches" in said


def test_a_cell_that_was_another_problem_then_is_left_out_of_its_series():
    newest = at_day(small_run(), 2)
    first = newest.results[0]
    wider = dataclasses.replace(first.scenario.problem, width=57)
    other = dataclasses.replace(first, scenario=dataclasses.replace(first.scenario, problem=wider))
    found = history_of(
        newest, at_day(dataclasses.replace(newest, results=(other, *newest.results[1:])), 1)
    )
    assert {s.cell: len(s.points) for s in found.series}[first.key] == 1
    assert [(left.cell, left.why) for left in found.left_out] == [
        (first.key, "another problem or setting under the same name")
    ]


def test_few_runs_show_times_and_no_changes(runs, command):
    said = command("history", runs / "00", runs / "05", runs / "10")
    assert said.code == 0
    assert said.out.startswith("3 runs from 2026-11-01")
    assert "too few to find changes, 7 are the least" in said.out
    assert "unfold" in said.out


def test_markdown_holds_changes_and_trends(runs, command, tmp_path):
    said = command("history", runs, "--out", tmp_path / "out")
    assert said.code == 0
    text = (tmp_path / "out" / "history.md").read_text(encoding="utf-8")
    assert "| quick/vgg × unfold | +1" in text
    assert "| quick/vgg × torch | 14 |" in text
    assert text.count("filters 5858585858+ (bench/mine.py); ConvGauge 0808080808") == 1


def test_a_table_holds_every_point_with_its_revisions_and_versions(runs, command, tmp_path):
    command("history", runs, "--out", tmp_path / "out")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "history.csv").read_text("utf-8"))))
    assert len(rows) == 2 * RUNS
    row = rows[-1]
    assert row["cell"] == "quick/vgg × unfold"
    assert row["started_at"] == "2026-11-14T12:00:00+00:00"
    assert row["plugin_revision"] == "63" * 20
    assert row["plugin_path"] == "bench/mine.py"
    assert row["convgauge_revision"] == "13" * 20
    assert row["torch_version"] == "2.13.0+cpu"
    assert float(row["time_s"]) > 0
    assert float(row["time_over_reference"]) > 0
    assert row["counts"] in ("time_s", "time_over_reference")
    assert [r["changed_here"] for r in rows[RUNS:]].index("true") == SLOWER_FROM
    assert [r["plugin_dirty"] for r in rows[RUNS:]].index("true") == SLOWER_FROM


def test_what_is_read_of_a_run_is_what_its_results_say(runs):
    for folder in sorted(runs.iterdir())[:2]:
        read = read_timed_run(folder)
        assert read == TimedRun.of(read_run([folder]))


def test_a_damaged_block_is_named_with_its_line_and_field(runs, command):
    path = runs / "03" / "results.jsonl"
    path.write_text(path.read_text().replace('"samples_s":[', '"samples_s":[-1,', 1))
    said = command("history", runs)
    assert f"{path}:1: damaged record: blocks[0].samples_s[0]: found -1" in said.out
    assert said.out.startswith("13 runs")


def test_long_histories_are_drawn_from_end_to_end():
    assert bars([1.0] * 100 + [2.0] * 100, 10) == "▁▁▁▁▁█████"
    assert bars([1.0, 2.0], 10) == "▁█"
    assert bars([5.0] * 3, 10) == "▅▅▅"


def test_cells_left_out_for_one_reason_are_one_line():
    newest = at_day(small_run(), 3)
    others = [at_day(disturbed(small_run()), day) for day in (1, 2)]
    found = history_of(newest, *others)
    (line,) = [line for line in lines(found) if line.startswith("left out")]
    passed = sum(bool(result.blocks) for result in newest.results)
    assert line == f"left out: {passed} cells of results/quick: disturbed"


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
