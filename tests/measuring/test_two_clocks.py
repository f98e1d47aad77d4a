"""What a worker tells of its time is held against the parent's clock."""

from __future__ import annotations

import random

import pytest

from suite.measuring.two_clocks import TwoClocks, clock_fault, unexplained

EMPTY_S = 200e-6
WORK_S = 20e-6
"""Of the suite on one call."""
SAMPLES = 50


def block(call_s, *, told=1.0, late_s=0.0, load=0.0, work_s=WORK_S, samples=SAMPLES, draw=None):
    """Return a block as two clocks see it.

    Args:
        told: the share of the true time that the worker tells.
        late_s: work that a call puts off until the clock has stopped.
        load: the chance that 4 ms pass between two parts of a sample.
    """
    draw = draw or random.Random(1)

    def wait_s():
        return 4e-3 * draw.random() if draw.random() < load else 0.0

    true_s = call_s - late_s
    calls = max(1, min(64, round(200e-6 / (true_s * told))))
    clocks = TwoClocks(calls=calls)
    for _ in range(samples):
        inside_s = calls * true_s * draw.uniform(1.0, 1.1) + wait_s()
        besides_s = EMPTY_S * draw.uniform(0.8, 1.2) + calls * (work_s + late_s) + wait_s()
        clocks.told_s.append(told * inside_s)
        clocks.held_s.append(inside_s + besides_s)
    for batch in range(1, 65):
        idle_s = EMPTY_S + batch * WORK_S
        clocks.idle_s[batch] = [idle_s * draw.uniform(0.9, 1.1) + wait_s() for _ in range(6)]
    return clocks


def beside_others(call_s, *, told=1.0, late_s=0.0, stretch=6.0, draw=None):
    """Return a block of one thread that has to wait for its core, between calls more than in them.

    Args:
        stretch: how much longer a part of a sample takes by the parent's clock, pauses apart.
    """
    draw = draw or random.Random(2)
    clocks = TwoClocks(calls=1)

    def waited(used_s, often):
        return used_s * draw.uniform(1.0, stretch) + (4e-3 if draw.random() < often else 0.0)

    for _ in range(8):
        inside_s = (call_s - late_s) * draw.uniform(1.0, 1.2)
        besides_s = (EMPTY_S + WORK_S) * draw.uniform(0.9, 1.3) + late_s
        clocks.told_s.append(told * waited(inside_s, 0.1))
        clocks.held_s.append(clocks.told_s[-1] / told + waited(besides_s, 0.7))
        clocks.used_s.append(inside_s + besides_s)
    for _ in range(6):
        idle_s = (EMPTY_S + WORK_S) * draw.uniform(0.9, 1.2)
        clocks.idle_s.setdefault(1, []).append(waited(idle_s, 0.7))
        clocks.idle_used_s.setdefault(1, []).append(idle_s)
    return clocks


@pytest.mark.parametrize("call_s", [1.5e-3, 30e-3])
@pytest.mark.parametrize("seed", range(20))
def test_beside_others_processor_time_shows_who_put_off_its_work(call_s, seed):
    draw = random.Random(seed)
    late = [beside_others(call_s, late_s=0.9 * call_s, draw=draw) for _ in range(2)]

    assert "unexplained" in fault(*late, own=beside_others(1e-3, draw=draw))


@pytest.mark.parametrize("seed", range(20))
def test_beside_others_processor_time_shows_who_tells_an_eighth(seed):
    draw = random.Random(seed)
    liar = [beside_others(30e-3, told=1 / 8, stretch=2.0, draw=draw) for _ in range(2)]

    assert "unexplained" in fault(*liar, own=beside_others(1e-3, draw=draw))


def test_it_is_said_which_clock_shows_it():
    late, own = beside_others(1.5e-3, late_s=1.35e-3), beside_others(1e-3)
    for clocks in (late, own):
        clocks.held_s = [told_s + 10.0 for told_s in clocks.told_s]
        clocks.idle_s = {1: [10.0] * 6}

    assert "by the parent's clock of processor time no call" in fault(late, late, own=own)


@pytest.mark.parametrize("call_s", [10e-6, 100e-6, 1e-3, 30e-3])
def test_an_honest_row_is_believed_by_processor_time_too(call_s):
    draw = random.Random(f"{call_s}")
    for _ in range(300):
        own = beside_others(1e-3, draw=draw)
        pair = [beside_others(call_s, draw=draw) for _ in range(2)]
        assert fault(*pair, own=own) is None


def fault(*blocks, own=None, least=2):
    seen = [unexplained(clocks, [own or block(1e-3)]) for clocks in blocks]
    return clock_fault([one for one in seen if one is not None], least)


@pytest.mark.parametrize("call_s", [100e-6, 1e-3, 30e-3])
def test_who_halves_its_time_is_found_from_100_us_on(call_s):
    liar = block(call_s, told=0.5)

    assert "unexplained" in fault(liar, liar)


@pytest.mark.parametrize("call_s", [100e-6, 1e-3, 30e-3])
def test_who_puts_its_work_off_until_the_clock_has_stopped_is_found(call_s):
    late = block(call_s, late_s=call_s * 0.9)

    assert "unexplained" in fault(late, late)


def test_both_figures_are_said():
    liar = block(10e-3, told=0.5)

    reason = fault(liar, liar)

    assert "no call took less than 1.02e+04 µs" in reason
    assert "told 5.2" in reason


@pytest.mark.parametrize("load", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("call_s", [10e-6, 100e-6, 1e-3, 30e-3])
def test_an_honest_row_is_believed_on_a_busy_machine(call_s, load):
    draw = random.Random(f"{call_s} {load}")
    for _ in range(200):
        own = block(1e-3, load=load, draw=draw, samples=10)
        pair = [block(call_s, load=load, draw=draw, samples=25) for _ in range(2)]
        assert fault(*pair, own=own) is None


@pytest.mark.parametrize("call_s", [1e-3, 30e-3])
def test_a_row_whose_operands_lie_further_away_is_believed(call_s):
    row = block(call_s, work_s=1.4 * WORK_S)

    assert fault(row, row) is None


def test_one_disturbed_block_of_several_says_nothing():
    honest, disturbed = block(1e-3), block(1e-3, late_s=0.5e-3)

    assert fault(honest, disturbed) is None
    assert fault(honest, disturbed, honest, disturbed) is None
    assert fault(disturbed) is None
    assert fault(disturbed, least=1) is not None


def test_without_a_row_of_our_own_nothing_is_said():
    assert unexplained(block(1e-3, told=0.5), []) is None
    assert unexplained(block(1e-3, told=0.5), [TwoClocks(calls=1)]) is None
    unasked = block(1e-3)
    unasked.idle_s.clear()
    assert unexplained(block(1e-3, told=0.5), [unasked]) is None
    assert unexplained(TwoClocks(calls=1), [block(1e-3)]) is None
