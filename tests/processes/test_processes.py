"""What the processes that measure find in their environment, and what it is worth."""

from __future__ import annotations

import mmap
import os
import platform
import subprocess
import sys

import pytest

from suite.processes.fork_server import steady_environment
from suite.processes.peer import OPEN_FILES
from tests.conftest import ROOT

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


OUTPUT_PAGES = 32 * 112 * 112 * 4 / mmap.PAGESIZE
"""Of one call: 392 of 4 KiB, 24 of 64 KiB."""


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
    assert faults_a_call({}) > OUTPUT_PAGES / 8  # or this test shows nothing
    assert faults_a_call(steady_environment()) < OUTPUT_PAGES / 20


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


def test_a_low_limit_of_open_files_is_raised_as_far_as_it_may(tmp_path):
    resource = pytest.importorskip("resource")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    code = (
        "import resource\nfrom pathlib import Path\nfrom suite.processes import Peer\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (64, {hard}))\n"
        f"Peer('suite.judge:main', 1, name='any', log=Path({str(tmp_path / 'log')!r})).close()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == (OPEN_FILES if hard < 0 else min(OPEN_FILES, hard))
