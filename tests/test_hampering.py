"""Rows that make others slower gain nothing: they are held, found out, and their rivals pass."""

from __future__ import annotations

import sys
from pathlib import Path

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


TICKS = """
import threading
import time
import torch.nn.functional as F
from suite import register

started = []


def tick():
    while True:
        time.sleep(0.002)
        with open({ticks!r}, "a") as file:
            file.write(f"{{time.monotonic()}}\\n")


@register("ticks", family="direct")
def ticks(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if not started:
        started.append(threading.Thread(target=tick, daemon=True))
        started[0].start()
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""
NAPS = """
import time
import torch.nn.functional as F
from suite import register


@register("naps", family="direct")
def naps(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    began = time.monotonic()
    time.sleep(0.05)
    with open({naps!r}, "a") as file:
        file.write(f"{{began}} {{time.monotonic()}}\\n")
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""


def test_nothing_of_a_row_runs_while_another_is_called(tmp_path):
    """Not in the gates either, where the judge looks at its output meanwhile."""
    files = {name: str(tmp_path / name) for name in ("ticks", "naps")}
    plugins = [tmp_path / "ticks.py", tmp_path / "naps.py"]
    for plugin, source in zip(plugins, (TICKS, NAPS), strict=True):
        plugin.write_text(source.format(**files))
    settings = Settings(threads=1, log=tmp_path / "worker.log", blocks=1, least_blocks=1)
    raced = race_of(plugins, SCENARIO, settings)
    assert raced["naps"].status is Status.PASSED, raced["naps"].reason
    ticks = [float(line) for line in Path(files["ticks"]).read_text().split()]
    calls = [line.split() for line in Path(files["naps"]).read_text().splitlines()]
    assert ticks
    assert len(calls) > 3
    spans = [(float(began), float(ended)) for began, ended in calls]
    beside = [tick for tick in ticks for began, ended in spans if began < tick < ended]
    assert not beside
