"""A stored run as the base: what counts on this machine, on another, and what is missing."""

from __future__ import annotations

import dataclasses
import math
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from reports.gate.text import lines, markdown
from suite.conditions import Scenario
from suite.errors import EXIT_INCONCLUSIVE, NotComparable, UsageError
from suite.gate.baseline import compare, open_baseline
from suite.gate.outcome import GateOutcome
from suite.gate.rule import Rule
from suite.gate.verdict import Verdict
from suite.problem import Problem
from suite.results.cell import Block, CellResult, Residuals, Status
from suite.results.contention import Contention
from suite.results.folder import ResultWriter, Run, write_manifest
from tests.unlike_runs import KINDS, told, unlike

MACHINE = {"cpu": "one", "flags": "avx2", "cores": 2, "torch": "2.13", "threads": 2}
PROBLEM = Problem(
    batch_size=1, in_channels=4, height=8, width=8, out_channels=4, kernel_h=3, kernel_w=3
)


def cell(scenario: str, name: str, time_s: float, **changes: Any) -> CellResult:
    draw = random.Random(f"{scenario}{name}{time_s}")
    blocks = tuple(
        Block(samples_s=(time_s * math.exp(draw.gauss(0, 0.01)),), calls_per_sample=1, seed="0")
        for _ in range(6)
    )
    number = int(scenario.removeprefix("s") or 0)
    made = CellResult(
        scenario=Scenario(
            id=f"t/{scenario}", problem=dataclasses.replace(PROBLEM, height=8 + number)
        ),
        implementation=name,
        family="direct",
        status=Status.PASSED,
        blocks=blocks,
        residuals=Residuals(rel_l2_error=1e-7, worst_error_ratio=0.1),
        threads=2,
        peak_bytes=2**20,
        operators=("conv2d",),
    )
    return dataclasses.replace(made, **changes)


def run_of(cells: list[CellResult], **machine: Any) -> Run:
    return Run(Path("nowhere"), {"name": "t", "machine": {**MACHINE, **machine}}, tuple(cells))


def cells(factor: float = 1.0, drift: float = 1.0, **changes: Any) -> list[CellResult]:
    """Return eight scenarios of the reference, and of `mine`, slower by `factor`."""
    names = [f"s{number}" for number in range(8)]
    torch = [cell(name, "torch", 1e-3 * drift) for name in names]
    return [*torch, *(cell(name, "mine", 1e-3 * drift * factor, **changes) for name in names)]


def judged(base: Run, head: Run, **options: Any) -> GateOutcome:
    return compare(
        base,
        head,
        **{
            "rule": Rule(),
            "accept": (),
            "wanted": ("torch", "mine"),
            "reproduce": {},
            **options,
        },
    )


def verdicts(outcome: GateOutcome, name: str) -> set[str]:
    return {c.time.verdict for c in outcome.cells if c.time and c.implementation == name}


def test_twice_as_slow_on_the_same_machine_is_regressed():
    outcome = judged(run_of(cells()), run_of(cells(factor=2.0)))
    assert verdicts(outcome, "mine") == {Verdict.REGRESSED}
    assert verdicts(outcome, "torch") != {Verdict.REGRESSED}
    assert outcome.exit_code == 1


def test_a_drift_that_moves_the_reference_as_well_is_no_regression():
    outcome = judged(run_of(cells()), run_of(cells(drift=1.3)))
    assert verdicts(outcome, "mine") == {Verdict.CANNOT_TELL}
    assert outcome.exit_code == 4


def test_on_another_machine_times_are_not_comparable_and_nothing_is_called_fine():
    outcome = judged(run_of(cells()), run_of(cells(factor=2.0), cpu="another"))
    assert "cpu one and another" in outcome.timing_advisory
    assert all(c.time is None for c in outcome.cells)
    assert (outcome.exit_code, outcome.state) == (5, "not comparable")
    assert lines(outcome) == [
        f"times are not comparable: {outcome.timing_advisory}",
        "NOT COMPARABLE: 16 cells compared in all but time: none worse",
    ]
    assert "slower" not in markdown(outcome)


def test_times_of_another_machine_can_be_accepted_and_are_said_first_all_the_same():
    outcome = judged(run_of(cells()), run_of(cells(), cpu="another"), accept=("times",))
    assert outcome.exit_code == 0
    assert lines(outcome)[0] == f"times are not comparable: {outcome.timing_advisory}"


def test_on_another_machine_wrong_and_larger_still_fail():
    worse = cells()
    worse[-1] = cell("s7", "mine", 1e-3, status=Status.INCORRECT, reason="no", blocks=())
    assert judged(run_of(cells()), run_of(worse, cpu="another")).exit_code == 3
    larger = run_of(cells(peak_bytes=3 * 2**20), cpu="another")
    assert judged(run_of(cells()), larger).exit_code == 1
    assert judged(run_of(cells()), larger, accept=("memory", "times")).exit_code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_difference_keeps_times_apart_and_is_named(kind):
    head, text = unlike(run_of(cells(factor=2.0)), kind)
    outcome = judged(told(run_of(cells())), head)
    assert text in outcome.timing_advisory
    assert all(c.time is None for c in outcome.cells)
    assert outcome.exit_code == 5


def test_what_an_older_baseline_does_not_tell_is_a_note_and_times_count():
    outcome = judged(run_of(cells()), told(run_of(cells(factor=2.0)), **MACHINE))
    assert outcome.exit_code == 1
    assert any("taken as equal" in note and "caches" in note for note in outcome.notes)


def test_a_cell_with_other_threads_is_missing_and_says_so():
    head = [dataclasses.replace(c, threads=1) for c in cells()]
    outcome = judged(run_of(cells()), run_of(head))
    assert outcome.missing[0] == "t/s0 × torch (2 and 1 threads)"
    assert outcome.exit_code == 5


def test_missing_new_and_renamed_cells_are_named():
    old, new = cells(), cells()
    gone = old[8]  # s0 × mine
    renamed = dataclasses.replace(new[9], scenario=dataclasses.replace(new[9].scenario, id="t/r"))
    other = dataclasses.replace(
        new[10],
        scenario=dataclasses.replace(
            new[10].scenario, problem=dataclasses.replace(PROBLEM, width=99)
        ),
    )
    fresh = cell("s30", "mine", 1e-3)
    head = run_of([*new[:8], renamed, other, *new[11:], fresh])
    outcome = judged(run_of(old), head)
    assert outcome.missing[0] == gone.key
    assert "another problem or setting under the same name" in outcome.missing[1]
    assert outcome.renamed == (("t/s1 × mine", "t/r × mine"),)
    assert outcome.new == (fresh.key,)
    assert outcome.exit_code == 5
    assert judged(run_of(old), head, accept=("missing",)).exit_code != 5


def test_an_empty_comparison_never_passes():
    outcome = judged(run_of(cells()), run_of([]))
    assert outcome.exit_code == 5
    wrong = run_of([cell("s0", "mine", 1e-3, status=Status.INCORRECT, reason="no", blocks=())])
    assert judged(wrong, wrong).exit_code == 5


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    folder = tmp_path / "stored"
    folder.mkdir()
    write_manifest(folder, {"name": "t", "machine": MACHINE})
    writer = ResultWriter(folder)
    for made in cells():
        writer.add(made)
    writer.close()
    return folder


def test_a_baseline_is_a_folder_a_file_in_it_or_a_zip_of_it(stored, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "kept"), "zip", stored)
    for path in (stored, stored / "results.jsonl", Path(archive)):
        assert len(open_baseline(path).results) == 16


def test_no_baseline_is_not_comparable_and_says_how_to_store_one(tmp_path):
    with pytest.raises(NotComparable, match="store a run first"):
        open_baseline(tmp_path / "nothing")
    with pytest.raises(NotComparable, match=r"no manifest\.json"):
        open_baseline(tmp_path)


def test_a_baseline_of_another_schema_says_which(stored):
    manifest = (
        (stored / "manifest.json")
        .read_text(encoding="utf-8")
        .replace('"schema_version": 2', '"schema_version": 99')
    )
    (stored / "manifest.json").write_text(manifest)
    with pytest.raises(UsageError, match="schema version 99, this ConvGauge reads 2"):
        open_baseline(stored)


def test_a_damaged_zip_is_bad_input(tmp_path):
    (tmp_path / "broken.zip").write_bytes(b"not a zip")
    with pytest.raises(UsageError, match="cannot be unpacked"):
        open_baseline(tmp_path / "broken.zip")


@pytest.mark.parametrize("side", ["base", "head"])
def test_a_cell_that_others_disturbed_cannot_be_told_whatever_its_times_say(side):
    seen = Contention(others_share=0.9, disturbed=True)
    marked = [
        dataclasses.replace(
            one, blocks=tuple(dataclasses.replace(b, contention=seen) for b in one.blocks)
        )
        for one in cells(2.0 if side == "head" else 1.0)
    ]
    base, head = (run_of(marked), run_of(cells(2.0)))
    if side == "head":
        base, head = run_of(cells()), run_of(marked)

    outcome = judged(base, head)

    assert outcome.exit_code == EXIT_INCONCLUSIVE
    assert {one.time.verdict for one in outcome.cells} == {Verdict.CANNOT_TELL}
    assert {one.time.why for one in outcome.cells} == {
        "others took the cores in every block of a side"
    }


def test_fewer_than_three_blocks_on_a_side_cannot_be_told():
    short = [dataclasses.replace(one, blocks=one.blocks[:2]) for one in cells(2.0)]

    outcome = judged(run_of(cells()), run_of(short))

    assert outcome.exit_code == EXIT_INCONCLUSIVE
    assert outcome.cells[0].time.why == "fewer than 3 blocks on a side"
