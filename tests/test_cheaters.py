"""The gallery: every trick that fooled a benchmark must be caught, every honest twin must pass."""

from __future__ import annotations

import dataclasses

import pytest

from suite.conditions import Scenario
from suite.measuring.check import check
from suite.measuring.settings import Settings
from suite.problem import Problem
from tests.arms import arm_of_file
from tests.gallery import GALLERY, line_of, race_of, require_status

CLOCKS = sorted((GALLERY / "clocks").glob("*.py"))
"""Those that forge the time, or put off work until the clock has stopped: all outputs are right."""
APART = ("clocks", "hampering", "reaching")
FILES = sorted(path for path in GALLERY.rglob("*.py") if path.parent.name not in APART)
"""All but these, and those that disturb other processes or reach into them, raced apart."""
GENERAL = Scenario(
    id="gallery/general",
    problem=Problem(
        batch_size=2,
        in_channels=6,
        height=10,
        width=12,
        out_channels=4,
        kernel_h=3,
        kernel_w=3,
        pad_top=1,
        pad_bottom=1,
        pad_left=1,
        pad_right=1,
        dilation_h=2,
        dilation_w=2,
        groups=2,
        bias=True,
    ),
)
"""Even and oblong, batched, grouped, dilated, padded, biased: nothing a short cut could rely on."""


LONG = Scenario(
    id="gallery/long", problem=Problem.of_call((1, 8, 32, 32), (8, 8, 13, 13), padding=(6, 6))
)
"""A millisecond or two of work, on operands that take microseconds to make."""

ATTEMPTS = 4


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        threads=1,
        log=tmp_path_factory.mktemp("gallery") / "worker.log",
        blocks=2,
        least_blocks=2,
        block_s=0.02,
        rounds=2,
        timeout_s=30,
    )


@pytest.fixture(scope="module")
def raced(settings):
    return race_of(FILES, GENERAL, settings)


@pytest.fixture(scope="module")
def timed(settings):
    """Those that forge time, raced again while the machine is too busy to blame anybody."""
    results = {}
    left = CLOCKS
    for _ in range(ATTEMPTS):
        results |= race_of(left, LONG, dataclasses.replace(settings, block_s=0.06))
        left = [path for path in CLOCKS if results[path.stem].status == "passed"]
        if not left:
            break
    return results


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_gets_the_status_that_it_must(path, raced, settings):
    status, _, where = line_of(path, "Must be").partition(" ")
    if where and not where.startswith("or "):
        # An infinity in a corner meets few sums, and once in 80 times all of them are of one sign.
        for _ in range(3):
            found = next(iter(check([GENERAL], [arm_of_file(path)], settings)))
            if found.status == status:
                break
        assert found.status == status, found.reason
        return
    result = raced[path.stem]
    require_status(path, result)
    assert bool(result.blocks) == (result.status == "passed")
    assert result.status == "passed" or result.reason


@pytest.mark.parametrize("path", CLOCKS, ids=lambda path: path.stem)
def test_no_time_is_believed_that_the_parent_did_not_see(path, timed):
    result = timed[path.stem]
    require_status(path, result)
    assert result.blocks == ()
    assert result.status != "implausible" or "by the parent's clock" in result.reason


def test_the_reference_beside_those_that_forge_time_is_untouched(timed):
    assert timed["torch"].status == "passed"


def test_the_reference_beside_them_is_untouched(raced):
    assert raced["torch"].status == "passed"
    assert len(raced["torch"].blocks) == 2


def test_a_function_that_falls_back_to_torch_says_so(raced):
    assert any("torch's own" in note for note in raced["falls_back"].notes)


def test_slow_warm_up_does_not_buy_fewer_samples(raced):
    samples = sum(len(block.samples_s) for block in raced["slow_warm_up"].blocks)
    assert samples >= 8


def test_a_declared_low_precision_is_carried_into_the_result(raced):
    assert raced["declared_bfloat16"].precision == "bfloat16"


def test_nothing_is_said_of_an_import_that_changes_nothing(raced):
    assert not [note for note in raced["own_randomness"].notes if "its import" in note]


def test_every_cheater_says_where_it_was_seen():
    for path in [*FILES, *CLOCKS]:
        assert line_of(path, "Seen")
    assert sum(path.parent == GALLERY for path in FILES) >= 30
