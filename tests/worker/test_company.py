"""Which processes are found after a call."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's kernel")

CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine())
"""The number of Linux's system call."""
SCRIPT = """
import ctypes, os, time
from suite.worker.guard import Company
company = Company()
if not (child := {start}):
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        pass
    os._exit(0)
print(company.left_behind())
if child > 0:
    os.kill(child, 9)
"""


def left_behind(start: str) -> str:
    """Return what is said after a call that has started a process which computes."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(start=start)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_child_that_computes_is_found():
    assert left_behind("os.fork()") == "left 1 processes running"


@pytest.mark.skipif(CLONE is None, reason="the system call has another number here")
def test_one_that_ends_without_a_signal_is_found_too():
    call = f"ctypes.CDLL(None).syscall({CLONE}, 0, 0, 0, 0, 0)"
    assert left_behind(call) == "left 1 processes running"


def test_none_is_found_where_there_is_none():
    assert left_behind("-1") == "None"
