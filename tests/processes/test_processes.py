"""What the processes that measure find in their environment, and what it is worth."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from suite.processes.fork_server import chosen_environment, steady_environment

CALLS = """\
import resource, torch
x, weight = torch.ones(1, 3, 224, 224), torch.ones(32, 3, 3, 3)
def calls(number):
    for _ in range(number):
        # As in a turn: outputs are kept until they have been verified.
        outputs = [torch.conv2d(x, weight, None, 2, 1) for _ in range(2)]
calls(20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
calls(50)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 100)
"""


def faults_a_call(variables: dict[str, str]) -> float:
    untouched = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    done = subprocess.run(
        [sys.executable, "-c", CALLS],
        env=untouched | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return float(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's allocator")
def test_a_call_does_not_pay_for_pages_that_the_call_before_gave_back():
    assert faults_a_call({}) > 50  # of 385 pages an output; or this test shows nothing
    assert faults_a_call(steady_environment()) < 20


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_an_allocator_that_the_user_has_set_up_stays_as_it_is(monkeypatch, name):
    assert any(variable.startswith("MALLOC_") for variable in steady_environment())
    monkeypatch.setenv(name, "1")
    assert not any(variable.startswith("MALLOC_") for variable in steady_environment())


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_waits_that_the_user_has_chosen_stay_as_they_are(monkeypatch, name):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert "GOMP_SPINCOUNT" in steady_environment()
    monkeypatch.setenv(name, "1")
    assert "GOMP_SPINCOUNT" not in steady_environment()


def test_what_the_suite_gave_a_process_itself_is_no_choice_of_the_users(monkeypatch):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    before = chosen_environment()
    for name, value in steady_environment().items():
        monkeypatch.setenv(name, value)
    assert chosen_environment() == before

    monkeypatch.setenv("GOMP_SPINCOUNT", "0")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1")
    chosen = chosen_environment()
    assert chosen["GOMP_SPINCOUNT"] == "0"
    assert "MALLOC_MMAP_THRESHOLD_" in chosen
    assert chosen["MALLOC_TRIM_THRESHOLD_"] == "1"
