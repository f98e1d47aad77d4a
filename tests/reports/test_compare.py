"""Two runs side by side: ratios only where they may be formed, every other change named."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from pathlib import Path

import pytest

import reports
from reports.compare import CellChange, Comparison, as_json, compare_runs
from reports.compare_text import lines, markdown
from reports.page.change import comparison_facts
from suite.results.cell import CellResult, Status
from suite.results.folder import Run
from suite.stats.intervals import Interval
from tests.gate.test_models import model_run
from tests.reports.synthetic import small_run
from tests.unlike_runs import KINDS, told, unlike


def scaled(result: CellResult, factor: float) -> CellResult:
    blocks = tuple(
        dataclasses.replace(block, samples_s=tuple(factor * s for s in block.samples_s))
        for block in result.blocks
    )
    return dataclasses.replace(result, blocks=blocks)


def with_slow_fft(run: Run, factor: float) -> Run:
    results = tuple(
        scaled(result, factor) if result.implementation == "fft" else result
        for result in run.results
    )
    return dataclasses.replace(run, results=results)


def on_machine(run: Run, **facts: object) -> Run:
    machine = {**run.manifest["machine"], **facts}
    return dataclasses.replace(run, manifest={**run.manifest, "machine": machine})


def change(comparison: Comparison, scenario: str, implementation: str) -> CellChange:
    return next(
        found
        for found in comparison.cells
        if (found.scenario, found.implementation) == (scenario, implementation)
    )


def test_a_run_compared_with_itself_shows_no_change() -> None:
    comparison = compare_runs(small_run(), small_run())
    assert comparison.compared == 34
    assert comparison.slower == comparison.faster == comparison.noted == []
    assert all(c.ratio.value == 1 for c in comparison.cells if c.ratio)


def test_a_planted_slowdown_is_found_with_its_size() -> None:
    run = small_run()
    comparison = compare_runs(run, with_slow_fft(run, 1.3))
    assert {c.implementation for c in comparison.slower} == {"fft"}
    assert len(comparison.slower) == 6
    for found in comparison.slower:
        assert found.ratio is not None
        assert found.ratio.value == pytest.approx(1.3)
    assert comparison.faster == []
    assert "6 slower and 0 faster" in "\n".join(lines(comparison))


def test_another_machine_has_no_ratios_and_is_named() -> None:
    run = small_run()
    other = on_machine(run, cpu="Graviton 4", hostname="bench-2")
    comparison = compare_runs(run, other)
    assert comparison.compared == 0
    assert "Graviton 4" in comparison.machines_differ
    text = "\n".join(lines(comparison))
    assert "not comparable" in text
    assert "bench-1" in text
    assert "bench-2" in text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_difference_is_named_and_leaves_no_ratio(kind: str) -> None:
    run = told(small_run())
    other, text = unlike(run, kind)
    comparison = compare_runs(run, other)
    assert comparison.compared == 0
    assert comparison.noted == []
    for said in ("\n".join(lines(comparison)), as_json(comparison)):
        assert text in said


def test_a_run_that_says_nothing_of_its_machine_is_not_comparable() -> None:
    run = small_run()
    assert compare_runs(run, on_machine(run, cpu=None)).compared == 0


def test_what_one_run_does_not_tell_is_said_where_its_times_are_compared() -> None:
    comparison = compare_runs(small_run(), told(small_run()))
    assert comparison.compared == 34
    for said in ("\n".join(lines(comparison)), markdown(comparison)):
        assert "taken as equal" in said
        assert "caches" in said
    assert "caches" in json.loads(as_json(comparison))["taken_as_equal"]


def test_changed_status_missing_and_new_cells_are_named_on_any_machine() -> None:
    run = small_run()
    first = run.results[0]
    crashed = dataclasses.replace(first, status=Status.CRASHED, reason="boom", blocks=())
    head = dataclasses.replace(run, results=(crashed, *run.results[1:-1]))
    for base in (run, on_machine(run, cpu="Graviton 4")):
        comparison = compare_runs(base, head)
        notes = {c.implementation: c.note for c in comparison.noted}
        assert notes["torch"] == "passed → crashed (boom)"
        assert notes["cudnn"].startswith("missing")
    assert compare_runs(head, run).noted[-1].note.startswith("new")


def test_another_problem_under_the_same_name_is_not_compared() -> None:
    run = small_run()
    first = run.results[0]
    wider = dataclasses.replace(first.scenario.problem, width=57)
    other = dataclasses.replace(first, scenario=dataclasses.replace(first.scenario, problem=wider))
    head = dataclasses.replace(run, results=(other, *run.results[1:]))
    found = change(compare_runs(run, head), "pointwise_64", "torch")
    assert found.ratio is None
    assert found.note == "another problem or setting under the same name"


def test_other_threads_are_not_compared() -> None:
    run = small_run()
    head = dataclasses.replace(
        run, results=(dataclasses.replace(run.results[0], threads=1), *run.results[1:])
    )
    assert change(compare_runs(run, head), "pointwise_64", "torch").note == "2 and 1 threads"


def drifted(run: Run, spread: float, seed: int) -> Run:
    """Return a run whose cells all moved, by chance, as cells of separate runs do."""
    draw = random.Random(seed)
    moved = (scaled(result, math.exp(draw.gauss(0, spread))) for result in run.results)
    return dataclasses.replace(run, results=tuple(moved))


@pytest.mark.parametrize("seed", range(5))
def test_what_separate_runs_drift_by_is_no_change(seed: int) -> None:
    comparison = compare_runs(small_run(1), drifted(small_run(2), 0.08, seed))
    assert comparison.compared == 34
    assert comparison.slower == comparison.faster == []


@pytest.mark.parametrize("seed", range(5))
def test_a_slowdown_beyond_the_drift_is_found(seed: int) -> None:
    head = drifted(with_slow_fft(small_run(2), 2.5), 0.08, seed)
    comparison = compare_runs(small_run(1), head)
    slower = [c.implementation for c in comparison.slower]
    assert slower.count("fft") == 6
    assert len(slower) + len(comparison.faster) <= 7  # of so many that are told one may be chance


def test_a_model_s_own_move_is_no_excuse_for_it() -> None:
    """A network's reference is the user's model: where it alone got slower, it is told."""
    comparison = compare_runs(model_run("text"), model_run("text", factor=2.0))
    assert [c.implementation for c in comparison.slower] == ["eager"]
    assert comparison.drift_note == ""


def test_where_a_model_s_code_changed_its_drift_is_assumed_and_that_is_said() -> None:
    comparison = compare_runs(model_run("text"), model_run("other", factor=2.0))
    on_page = comparison_facts(comparison)["drift_note"]
    for said in ("\n".join(lines(comparison)), markdown(comparison), on_page):
        assert "the model's code changed" in said


def test_half_widths_add_as_independent_ones() -> None:
    three, four = math.exp(0.03), math.exp(0.04)
    ratio = Interval(2, 2 / four, 2 * four).over(Interval(1, 1 / three, three))
    assert ratio.value == 2
    assert ratio.half_width == pytest.approx(0.05)


def test_a_run_of_one_block_has_a_ratio_without_interval() -> None:
    ratio = Interval(2, 1.9, 2.1).over(Interval(1, None, None))
    assert (ratio.value, ratio.low, ratio.high) == (2, None, None)


def test_the_three_files_are_written_and_agree(tmp_path: Path) -> None:
    run = small_run()
    head = with_slow_fft(run, 1.3)
    paths = reports.write_comparison(run, head, tmp_path)
    assert [path.name for path in paths] == ["compare.html", "compare.md", "compare.json"]
    cells = json.loads(paths[2].read_text(encoding="utf-8"))["cells"]
    assert sum(c["ratio"] is not None for c in cells) == 34
    assert "### Slower" in paths[1].read_text(encoding="utf-8")
    assert '"comparison":true' in paths[0].read_text(encoding="utf-8")


def test_markdown_and_json_hold_the_same_cells() -> None:
    comparison = compare_runs(small_run(1), small_run(2))
    ratios = [c for c in json.loads(as_json(comparison))["cells"] if c["ratio"] is not None]
    table_rows = [line for line in markdown(comparison).splitlines() if line.endswith("× |")]
    assert len(table_rows) == len(ratios)
