"""Blocks go round the whole grid: what stands after each round, and what a kill leaves of it."""

from __future__ import annotations

import dataclasses
import signal
from types import SimpleNamespace

import psutil
import pytest

from suite.conditions import Scenario
from suite.measuring import selection
from suite.measuring.contest import Contest
from suite.measuring.run import Runner
from suite.measuring.settings import Settings
from suite.measuring.stopping import aimed_at, has_enough
from suite.problem import Problem
from suite.registry.sources import Source
from suite.results.cell import Block, Status
from suite.results.folder import UNFINISHED, read_results, read_run, read_unfinished
from tests.arms import builtin
from tests.conftest import FAULTY
from tests.started_runs import start, wait_for_first_cells

SCENARIOS = [
    Scenario(id=f"s/{size}", problem=Problem.of_call((1, 4, size, size), (4, 4, 3, 3)))
    for size in (8, 10)
]
ARMS = [builtin("torch", "vendor", "impls.vendor"), builtin("unfold", "im2col", "impls.im2col")]


@pytest.fixture
def rounds(tmp_path, settings):
    """What stood after each round of a small run, and what was decided."""
    stood = []
    few = dataclasses.replace(settings, blocks=2, least_blocks=2, target_half_width=1e-9)
    runner = Runner(tmp_path, SCENARIOS, ARMS, few)
    runner.watch_round = lambda results, at: stood.append(
        (at, list(results), read_unfinished(tmp_path))
    )
    return runner.run(), stood


def test_after_the_first_round_there_is_a_whole_table(rounds, tmp_path):
    _, stood = rounds
    at, results, on_disk = stood[0]

    cells = [(s.id, arm.name) for s in SCENARIOS for arm in ARMS]
    assert [(r.scenario.id, r.implementation) for r in results] == cells
    assert {len(r.blocks) for r in results} == {1}
    assert (at.round, at.done, at.total) == (1, 0, 4)
    assert at.left_s > 0
    assert {r.key for r in on_disk} == {r.key for r in results}


def test_every_cell_has_the_blocks_of_all_rounds_in_the_end(rounds, tmp_path):
    outcome, stood = rounds

    assert len(stood) == 1  # the second round was the last
    first_seeds = {r.key: r.blocks[0].seed for r in stood[0][1]}
    for result in outcome.results:
        assert result.blocks[0].seed == first_seeds[result.key]
        assert len(result.blocks) == 2
    assert not (tmp_path / UNFINISHED).exists()


def seeds_of(result):
    """Return those of all blocks, also of any in which others took the cores."""
    return {block.seed for block in (*result.blocks, *result.set_aside)}


def test_a_kill_keeps_what_stood_and_resuming_adds_to_its_blocks(command, tmp_path, tiny):
    words = ["run", tiny, "--plugin", FAULTY / "slow.py", "--impl", "slow", "--threads", "1"]
    words += ["--blocks", "2", "--precision", "0.1", "--out", "r"]
    process = start(words, tmp_path)
    wait_for_first_cells(tmp_path / "r" / UNFINISHED, process)
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    psutil.wait_procs(below, timeout=15)
    left = {result.key: result for result in read_unfinished(tmp_path / "r")}
    assert left
    assert not read_results(tmp_path / "r")
    assert {r.key for r in read_run([tmp_path / "r"]).results} == left.keys()
    assert command("report", "r").code == 0

    assert command("run", "--out", "r", "--resume").code == 0

    finished = {result.key: result for result in read_results(tmp_path / "r")}
    assert len(finished) == 4
    for key, result in left.items():
        assert seeds_of(result) < seeds_of(finished[key])
    assert not (tmp_path / "r" / UNFINISHED).exists()


def test_ctrl_c_prints_the_table_as_it_stands(tmp_path, tiny):
    words = ["run", tiny, "--plugin", FAULTY / "slow.py", "--impl", "slow", "--threads", "1"]
    process = start([*words, "--precision", "0.1", "--out", "r"], tmp_path)
    wait_for_first_cells(tmp_path / "r" / UNFINISHED, process)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "tiny/a" in out
    assert "--resume" in out
    assert (tmp_path / "r" / "report.html").is_file()
    assert read_unfinished(tmp_path / "r")


# -- which rows deserve more blocks ----------------------------------------------------------------


class TimedCell:
    """Stands for a cell with blocks of known ratios; its reference takes 1 ms."""

    def __init__(self, arm, ratios, spent_s=0.1):
        self.arm = arm
        self.status = Status.PASSED
        self.spent_s = spent_s
        self.disturbed = []
        self.blocks = [
            Block(samples_s=(1e-3 / r,), calls_per_sample=1, seed="0", reference_s=1e-3)
            for r in ratios
        ]


def row(name, *, wanted=False):
    return dataclasses.replace(ARMS[1], label=name, wanted=wanted)


@pytest.fixture
def knobs(tmp_path):
    return Settings(threads=1, log=tmp_path / "log")


def test_a_row_that_has_surely_lost_is_known_well_enough_to_10_percent(knobs):
    fast = TimedCell(row("fast"), [2.0, 2.02, 1.98])
    slow = TimedCell(row("slow"), [0.50, 0.51, 0.49])
    contest = Contest([fast, slow], knobs)

    assert contest.half_width(slow) == knobs.lost_half_width
    assert contest.half_width(fast) == knobs.target_half_width
    assert has_enough(slow, knobs, 3, contest.half_width(slow))
    assert not has_enough(fast, knobs, 3, contest.half_width(fast))


def test_a_row_that_may_be_the_fastest_still_is_known_as_well_as_the_fastest(knobs):
    fast = TimedCell(row("fast"), [2.0, 2.2, 1.8])
    close = TimedCell(row("close"), [1.9, 2.1, 1.7])

    assert Contest([fast, close], knobs).half_width(close) == knobs.target_half_width


@pytest.mark.parametrize("wanted_by", ["name", "precision"])
def test_a_row_that_was_asked_for_is_known_well_however_slow_it_is(knobs, wanted_by):
    fast = TimedCell(row("fast"), [2.0, 2.02, 1.98])
    slow = TimedCell(row("slow", wanted=wanted_by == "name"), [0.50, 0.51, 0.49])
    settings = dataclasses.replace(knobs, all_precise=wanted_by == "precision")
    contest = Contest([fast, slow], settings)

    assert contest.half_width(slow) == knobs.target_half_width
    assert contest.block_s(slow) == knobs.block_s


class Listed:
    """Stands for a catalogue that has what is asked for."""

    def select(self, patterns, **_):
        return [
            SimpleNamespace(name=name, declared=ARMS[1].declared, source=source, unsupported={})
            for name in patterns
            for source in [Source("mine.py") if name == "mine" else ARMS[1].source]
        ]


@pytest.mark.parametrize("by_file", [False, True])
def test_what_a_scenario_file_lists_was_asked_for_by_nobody_but_a_plugin_was(by_file):
    names = ["unfold", "mine"]
    unfold, mine = selection.chosen_arms(Listed(), names, asked_by="--impl", by_file=by_file)

    assert (unfold.wanted, unfold.by_name) == (not by_file, not by_file)
    assert mine.wanted


def test_one_block_decides_nothing_but_how_long_the_next_one_takes(knobs):
    fast, slow = TimedCell(row("fast"), [2.0]), TimedCell(row("slow"), [0.5])
    contest = Contest([fast, slow], knobs)

    assert contest.half_width(slow) == knobs.target_half_width
    assert contest.block_s(slow) == knobs.behind_block_s
    assert not has_enough(slow, knobs, 1, contest.half_width(slow))


def test_noise_keeps_nobody_waiting_for_a_row_that_has_lost(knobs):
    fast = TimedCell(row("fast"), [20.0, 21.0, 19.0, 22.0, 18.0])
    noisy = TimedCell(row("noisy"), [1.0, 2.0, 0.5, 1.5, 0.7])
    contest = Contest([fast, noisy], knobs)

    assert has_enough(noisy, knobs, 5, contest.half_width(noisy))
    assert not has_enough(fast, knobs, 5, contest.half_width(fast))


WIDE = [1.0, 1.12, 0.95, 1.07, 0.98, 1.09]
"""Eight blocks that spread like these know a speed-up to ±7 %, these six to ±9 %."""


def test_what_no_number_of_blocks_can_reach_keeps_no_settled_row_waiting(knobs):
    fast = TimedCell(row("fast"), [2 * ratio for ratio in WIDE])

    assert has_enough(fast, knobs, 6, knobs.target_half_width, is_settled=True)


def test_a_row_of_which_it_is_open_whether_it_is_the_fastest_goes_on(knobs):
    fast = TimedCell(row("fast"), [2 * ratio for ratio in WIDE])

    assert not has_enough(fast, knobs, 6, knobs.target_half_width, is_settled=False)


def test_a_precision_that_may_be_reached_is_not_given_up(knobs):
    fast = TimedCell(row("fast"), [2.0, 2.04, 1.96, 2.05])

    assert not has_enough(fast, knobs, 4, knobs.target_half_width, is_settled=True)
    assert aimed_at(knobs.target_half_width, 0.02, 4, knobs.blocks) == knobs.target_half_width


def test_a_row_is_settled_once_its_place_is_beyond_chance(knobs):
    fast = TimedCell(row("fast"), [2.0, 2.02, 1.98])
    slow = TimedCell(row("slow"), [0.50, 0.51, 0.49])
    close = TimedCell(row("close"), [1.99, 2.03, 2.0])

    assert Contest([fast, slow], knobs).is_settled(fast)
    assert Contest([fast, slow], knobs).is_settled(slow)
    assert not Contest([fast, slow, close], knobs).is_settled(fast)


def test_a_row_that_has_lost_ends_sooner_where_its_calls_take_long(knobs):
    slow = TimedCell(row("slow"), [0.5, 0.9, 0.3], spent_s=1.1)
    quick = TimedCell(row("quick"), [0.5, 0.9, 0.3])

    assert has_enough(slow, knobs, 3, knobs.lost_half_width)
    assert not has_enough(quick, knobs, 3, knobs.lost_half_width)


@pytest.mark.parametrize(
    ("speed", "spent_s", "wanted", "ends"),
    [
        (0.1, 1.1, False, True),
        (0.1, 0.9, False, False),  # short calls: an interval costs little
        (0.3, 1.1, False, False),  # behind, but not by so much
        (0.1, 1.1, True, False),  # asked for
    ],
)
def test_a_row_of_long_calls_that_is_far_behind_ends_with_its_first_block(
    knobs, speed, spent_s, wanted, ends
):
    fast = TimedCell(row("fast"), [2.0])
    slow = TimedCell(row("slow", wanted=wanted), [speed], spent_s=spent_s)
    contest = Contest([fast, slow], knobs)
    width, is_far = contest.half_width(slow), contest.is_far_behind(slow)

    assert has_enough(slow, knobs, 1, width, is_far_behind=is_far) is ends


def test_a_disturbed_block_says_of_no_row_that_it_is_far_behind(knobs):
    slow = TimedCell(row("slow"), [0.1], spent_s=1.1)
    slow.blocks, slow.disturbed = [], slow.blocks

    assert not has_enough(slow, knobs, 1, knobs.target_half_width, is_far_behind=True)


def test_the_reference_is_timed_as_well_as_whoever_is_held_against_it(knobs):
    slow, fast = TimedCell(row("slow"), [0.5]), TimedCell(row("fast"), [2.0])
    reference = TimedCell(row("torch"), [1.0])
    contest = Contest([reference, slow, fast], knobs)

    assert contest.block_settings([slow], is_first=False).block_s == knobs.behind_block_s
    assert contest.block_settings([reference, slow, fast], is_first=False) == knobs
    first = contest.block_settings([reference, slow, fast], is_first=True)
    assert (first.block_s, first.rounds) == (knobs.first_block_s, knobs.short_rounds)


def test_memory_is_measured_after_the_first_table_unless_there_is_but_one_block(knobs):
    cell = TimedCell(row("torch"), [1.0])

    def measures(blocks: int, *, is_first: bool) -> bool:
        contest = Contest([cell], dataclasses.replace(knobs, blocks=blocks))
        return contest.block_settings([cell], is_first=is_first).peak_memory

    assert measures(1, is_first=True)
    assert not measures(2, is_first=True)
    assert measures(2, is_first=False)
