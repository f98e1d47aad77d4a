"""How noisy the machine is said to be before anything is timed."""

from __future__ import annotations

import pytest

from suite.machine import placement
from suite.measuring import noise
from suite.measuring.noise import Noise
from suite.results.contention import Probe


def seen(**changed: object) -> Noise:
    """Return what a quiet machine shows, changed in one way."""
    quiet = {
        "one_thread_spread": 0.01,
        "all_threads_spread": 0.015,
        "probe": Probe(one_thread_s=1e-4, all_threads_s=0.6e-4),
        "threads": 2,
        "others_share": 0.03,
    }
    return Noise(**{**quiet, **changed})


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(placement, "usable_cores", lambda: 2)


SLOWED = Probe(one_thread_s=1e-4, all_threads_s=120e-4)


def test_the_grade_is_that_of_the_worst_of_one_thread_all_threads_and_their_ratio():
    assert seen().grade == "A"
    assert seen(one_thread_spread=0.1).grade == "C"
    assert seen(all_threads_spread=0.1).grade == "C"
    assert seen(probe=SLOWED).grade == "D"  # equal work spreads little where all of it is slow
    assert seen(probe=SLOWED).extent == pytest.approx(119)


def test_a_quiet_machine_is_not_warned_of_and_a_taken_core_is():
    assert seen().warning == ""
    assert "0.97 of 2 cores" in seen(others_share=0.97).warning
    assert seen(others_share=0.97).warning.endswith("of 2 cores")  # all threads still gain
    unseen, both = seen(probe=SLOWED).warning, seen(probe=SLOWED, others_share=0.97).warning
    assert "nothing else is seen to use the cores, and yet all 2 threads take 120 times" in unseen
    assert "0.97 of 2 cores: all 2 threads take 120 times as long as one" in both


def test_with_one_thread_a_core_is_to_spare():
    alone = Probe(one_thread_s=1e-4, all_threads_s=1e-4)

    assert seen(threads=1, probe=alone, others_share=0.97).warning == ""
    assert seen(threads=1, probe=alone, others_share=1.7).warning.endswith("1.70 of 2 cores")


def test_it_is_measured_with_all_threads_in_a_process_of_the_suites(tmp_path):
    measured = noise.measure(tmp_path / "log", threads=2)

    assert measured.threads == 2
    assert measured.probe.one_thread_s > 0
    assert measured.probe.all_threads_s > 0
    kept = measured.to_dict()
    assert {"load_1min", "steal_share", "others_share", "all_threads_s"} <= kept.keys()
