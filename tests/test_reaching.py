"""Tricks that reach into other processes: each costs the row that plays it, and nobody else.

They are raced apart from the gallery, between torch and an honest row; those that end processes
each alone, as what one does to the rest would hide what another does.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from suite.conditions import Scenario
from suite.measuring.check import check
from suite.measuring.interim import decided
from suite.measuring.judge_client import JudgeClient
from suite.measuring.race import race
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.problem import Problem
from suite.results.cell import CellResult, Status
from suite.results.folder import MANIFEST, read_results
from tests.arms import arm_of_file, builtin
from tests.gallery import GALLERY, line_of, require_status

REACHING = sorted((GALLERY / "reaching").glob("*.py"))
SCENARIO = Scenario(
    id="reaching/one", problem=Problem.of_call((2, 4, 24, 24), (4, 4, 3, 3), padding=(1, 1))
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="they reach through /proc")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(
        threads=1, log=tmp_path / "worker.log", blocks=2, least_blocks=2, block_s=0.02, timeout_s=30
    )


@pytest.fixture
def judge(settings):
    judge = JudgeClient(settings, TimeSpent())
    yield judge
    judge.close()


def raced(tricks: Sequence[Path], judge: JudgeClient, settings: Settings) -> dict[str, CellResult]:
    """Race some tricks between torch and another honest row, which both have to pass."""
    arms = [
        builtin("torch", "vendor", "impls.vendor"),
        *map(arm_of_file, tricks),
        builtin("unfold", "im2col", "impls.im2col"),
    ]
    events = race(SCENARIO, arms, judge, settings, TimeSpent())
    results = {r.implementation: r for r in decided(events)}
    for name in ("torch", "unfold"):
        assert results[name].status is Status.PASSED, results[name].reason
        assert results[name].blocks
    return results


KILLERS = [path for path in REACHING if path.stem.startswith(("kills_", "starves_"))]


@linux
def test_whoever_reaches_into_others_gets_nowhere(judge, settings):
    tricks = [path for path in REACHING if path not in KILLERS]
    results = raced(tricks, judge, settings)

    for trick in tricks:
        require_status(trick, results[trick.stem])


@linux
@pytest.mark.parametrize(
    "killer",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem != "kills_judge"))
        for path in KILLERS
    ],
)
def test_whoever_ends_others_ends_nobody_but_itself(killer, judge, settings):
    require_status(killer, raced([killer], judge, settings)[killer.stem])


@linux
@pytest.mark.slow
def test_check_goes_on_after_all_processes_were_killed(settings):
    killer = GALLERY / "reaching/kills_fork_server.py"
    arms = [arm_of_file(killer), arm_of_file(GALLERY / "honest/packs_weight.py")]
    checked = {found.implementation: found for found in check([SCENARIO], arms, settings)}

    assert checked["kills_fork_server"].status is Status.CRASHED
    assert checked["packs_weight"].status is Status.PASSED, checked["packs_weight"].reason


@linux
def test_a_forged_record_is_named_and_not_believed(command, tiny, tmp_path):
    plugin = GALLERY / "reaching/record_forger.py"
    words = ("--plugin", plugin, "--impl", "record_forger", "--scenario", "a")
    said = command("run", tiny, *words, "--blocks", "2", "--threads", "1", "--out", "forged")

    assert said.code == 3, said.out + said.err  # for the process that it leaves behind
    results = read_results(tmp_path / "forged")
    assert sorted(result.implementation for result in results) == ["record_forger", "torch"]
    manifest = (tmp_path / "forged" / MANIFEST).read_text(encoding="utf-8")
    assert "the fastest of all" not in manifest


def test_every_one_says_where_it_was_seen():
    for path in REACHING:
        assert line_of(path, "Seen")
