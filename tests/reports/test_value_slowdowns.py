"""Each row beside itself on normal values: what depends on them is marked, chance is not."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

from reports.matrix import Matrix
from reports.page import render
from reports.value_slowdowns import MARK, value_lines, value_slowdowns
from suite.conditions import Scenario
from suite.results.cell import Block, CellResult
from suite.results.folder import Run
from suite.values import DENORMAL, NORMAL, ZEROS, remark, words
from tests.reports.synthetic import cell, problem, small_run

USUAL = Scenario(
    id="net/a",
    problem=problem(in_channels=8, out_channels=8, kernel=3, size=14),
    source="net",
)


def on(values: str, weight_values: str = NORMAL, **others: object) -> Scenario:
    name = f"net/a-{values}-{weight_values}"
    conditions = {"values": values, "weight_values": weight_values, **others}
    return dataclasses.replace(USUAL, id=name, **conditions)


def timed(scenario: Scenario, name: str, *times_s: float) -> CellResult:
    blocks = tuple(
        Block(samples_s=(time_s,), calls_per_sample=1, seed=f"{number:02}")
        for number, time_s in enumerate(times_s)
    )
    return dataclasses.replace(cell(scenario, name, draw=random.Random(1)), blocks=blocks)


def run_of(*results: CellResult) -> Run:
    return Run(Path(), {**small_run().manifest}, results)


STEADY, SLOW, VAGUE = (1.0, 1.01, 0.99, 1.0), (40.0, 41.0, 39.0, 40.0), (0.5, 2.0, 1.0, 1.6)
RUN = run_of(
    timed(USUAL, "torch", *STEADY),
    timed(USUAL, "fft", *STEADY),
    timed(USUAL, "loops", *STEADY),
    timed(on(DENORMAL), "torch", *SLOW),
    timed(on(DENORMAL), "fft", *VAGUE),
    timed(on(ZEROS), "torch", 0.5, 0.51, 0.5),
    timed(on(DENORMAL, DENORMAL, threads=1), "torch", *SLOW),
)


def test_a_row_is_held_against_itself_on_the_same_problem_and_conditions():
    denormal, zeros = value_slowdowns(Matrix.of(RUN))

    assert (denormal.scenario, denormal.values) == ("net/a-denormal-normal", "denormal inputs")
    slow, vague = denormal.slowdowns
    assert (slow.name, slow.mark) == ("torch", MARK)
    assert slow.ratio_words.startswith("40.0×")
    assert (vague.name, vague.mark) == ("fft", "")
    assert zeros.slowdowns[0].depends
    assert zeros.remark


def test_nothing_is_marked_that_others_disturbed_or_that_has_too_few_blocks():
    few = run_of(timed(USUAL, "torch", 1.0, 1.0), timed(on(DENORMAL), "torch", 40.0, 40.0))
    (entry,) = value_slowdowns(Matrix.of(few))
    assert [one.mark for one in entry.slowdowns] == [""]

    (entry, _) = value_slowdowns(Matrix.of(RUN))
    disturbed = dataclasses.replace(entry.slowdowns[0], is_disturbed=True)
    assert disturbed.mark == ""


def test_terminal_and_page_show_it():
    text = "\n".join(line.plain for line in value_lines(Matrix.of(RUN), 200))
    assert "net/a-denormal-normal, denormal inputs: torch 40.0×" in text
    assert "1 level" in text
    assert "timed on zeros as asked" in text
    page = render(RUN)
    assert "On other values" in page
    assert MARK in page


def test_a_run_on_normal_values_says_nothing_of_it():
    assert value_slowdowns(Matrix.of(small_run())) == []
    assert list(value_lines(Matrix.of(small_run()), 100)) == []
    assert "On other values" not in render(small_run())


def test_both_conditions_are_told_in_a_few_words():
    assert words(DENORMAL, NORMAL) == "denormal inputs"
    assert words(NORMAL, DENORMAL) == "denormal weights"
    assert words(DENORMAL, ZEROS) == "denormal inputs, zeros weights"
    assert words(ZEROS, ZEROS) == "zeros values"
    assert remark(NORMAL, NORMAL, is_stored=False) is None
    assert remark(DENORMAL, NORMAL, is_stored=False) is None
    assert "because it was asked for" in (remark(ZEROS, NORMAL, is_stored=False) or "")
    assert "none were stored" in (remark(NORMAL, "trained", is_stored=False) or "")
    assert remark("trained", "trained", is_stored=True) is None
