"""Rows that make others slower gain nothing: they are held, found out, and their rivals pass."""

from __future__ import annotations

import sys

import pytest

from suite.conditions import Scenario
from suite.measuring.settings import Settings
from suite.problem import Problem
from suite.results.cell import Status
from tests.gallery import GALLERY, line_of, race_of, require_status

HAMPERING = sorted((GALLERY / "hampering").glob("*.py"))
HONEST = ["asks_a_compiler", "keeps_a_helper"]
SCENARIO = Scenario(
    id="hampering/one", problem=Problem.of_call((1, 16, 32, 32), (16, 16, 3, 3), padding=(1, 1))
)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="they are seen by Linux's kernel")


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    """All of them in one race, beside torch and honest rows with children and threads."""
    settings = Settings(
        threads=1,
        log=tmp_path_factory.mktemp("hampering") / "worker.log",
        blocks=3,
        least_blocks=3,
        block_s=0.05,
        timeout_s=30,
    )
    honest = [GALLERY / "honest" / f"{name}.py" for name in HONEST]
    return race_of([*honest, *HAMPERING], SCENARIO, settings)


@pytest.mark.parametrize("path", HAMPERING, ids=lambda path: path.stem)
def test_each_gets_the_status_that_it_must(path, raced):
    result = raced[path.stem]
    if path.stem == "more_threads" and result.status is Status.PASSED and others_were_busy(result):
        return  # whoever has no free core cannot take one more than it was given
    require_status(path, result)


def others_were_busy(result):
    shares = [block.contention.others_share for block in result.blocks if block.contention]
    return max(shares, default=0.0) > 0.3


@pytest.mark.parametrize("name", ["torch", *HONEST])
def test_the_others_are_untouched(raced, name):
    assert raced[name].status is Status.PASSED, raced[name].reason
    assert raced[name].blocks


def test_what_left_its_session_is_named_as_such(raced):
    for name in ("leaves_burners", "stops_rivals"):
        assert "of another session behind" in raced[name].reason


def test_every_one_says_where_it_was_seen():
    for path in HAMPERING:
        assert line_of(path, "Seen")
