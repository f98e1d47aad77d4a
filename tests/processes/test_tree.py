"""A process and what it starts, seen and held from outside: nothing in it can hide or go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from suite.processes.tree import IS_SEEN, ProcessTree

pytestmark = pytest.mark.skipif(not IS_SEEN, reason="asks Linux's kernel")

BUSY = """\
import os, sys
os.setsid()
import ctypes
ctypes.CDLL(None).prctl(36, 1)  # as every process of the suite: orphans are its own
for kind in sys.argv[1:]:
    if os.fork() == 0:
        if kind == "detached":
            os.setsid()
            if os.fork():
                os._exit(0)
        os.write(1, b"here\\n")
        while kind == "busy" or kind == "detached":
            pass
        sys.stdin.read()
        os._exit(0)
os.write(1, b"here\\n")
sys.stdin.read()
"""


@pytest.fixture
def started() -> Iterator[Callable[..., ProcessTree]]:
    """Start a process with children of these kinds; all of them are there when it returns."""
    processes = []

    def start(*kinds: str) -> ProcessTree:
        process = subprocess.Popen(
            [sys.executable, "-c", BUSY, *kinds], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        processes.append((process, tree := ProcessTree(process.pid)))
        assert process.stdout
        for _ in range(1 + len(kinds)):
            assert process.stdout.readline() == b"here\n"
        return tree

    yield start
    for process, tree in processes:
        tree.go_on()
        tree.look()
        tree.end_below()
        process.kill()
        process.communicate()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def grown_s(tree: ProcessTree, least_s: float = 0.0) -> float:
    """Return how much processor time is used in some 50 ms, or until it is as much."""
    before, deadline = tree.cpu_s(), time.monotonic() + (30 if least_s else 0.05)
    while tree.cpu_s() - before <= least_s and time.monotonic() < deadline:
        time.sleep(0.002)
    return tree.cpu_s() - before


def test_the_processor_time_of_children_counts(started):
    tree = started("busy", "idle")
    assert tree.look() == 2
    assert grown_s(tree, 0.02) > 0.02


def test_a_held_process_uses_none_nor_do_its_children_until_it_may_go_on(started):
    tree = started("busy")
    tree.look()
    tree.stop()
    until(lambda: grown_s(tree) == 0)
    assert {psutil.Process(pid).status() for pid in (tree.pid, *tree._below)} == {"stopped"}
    tree.go_on()
    assert grown_s(tree, 0.02) > 0.02
    assert tree.changes() == []


def test_all_of_it_has_stopped_when_it_is_held(started):
    """A signal returns sooner, and what is not stopped yet runs beside who comes next."""
    tree = started("busy", "idle")
    for _ in range(50):
        tree.stop()
        assert {psutil.Process(pid).status() for pid in (tree.pid, *tree._below)} == {"stopped"}
        tree.go_on()


def test_what_has_left_the_session_is_found_and_ended_and_nothing_else(started):
    tree = started("detached", "idle")
    until(lambda: tree.look() == 2)
    (detached,) = [each.pid for each in tree._below.values() if each.session != tree.pid]

    assert tree.end_detached() == 1
    until(lambda: tree.look() == 1)
    assert not psutil.pid_exists(detached) or psutil.Process(detached).status() == "zombie"
    assert tree.end_detached() == 0


def test_all_below_ends_with_it_also_when_it_is_gone_itself(started):
    tree = started("busy", "detached")
    until(lambda: tree.look() == 2)
    below = list(tree._below)
    psutil.Process(tree.pid).kill()
    until(lambda: psutil.Process(tree.pid).status() == "zombie")
    tree.end_below()
    until(lambda: not [p for p in below if psutil.pid_exists(p) and runs(p)])


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != "zombie"
    except psutil.NoSuchProcess:
        return False


def test_what_others_do_to_it_is_said_and_put_back(started):
    tree = started()
    assert tree.changes() == []
    changes = []
    usual = sorted(os.sched_getaffinity(tree.pid))
    if len(usual) > 1:
        os.sched_setaffinity(tree.pid, usual[:1])
        changes.append(f"affinity {usual} → {usual[:1]}")
    os.setpriority(os.PRIO_PROCESS, tree.pid, 7)
    changes.append("priority 0 → 7")
    assert tree.changes() == changes
    assert sorted(os.sched_getaffinity(tree.pid)) == usual
    if os.getuid() == 0:  # others may not take it back, and hear of it again
        assert tree.changes() == []


def test_a_stop_by_somebody_else_is_said_and_ended(started):
    tree = started()
    os.kill(tree.pid, signal.SIGSTOP)
    until(lambda: psutil.Process(tree.pid).status() == "stopped")
    assert tree.changes() == ["stopped 1 times"]
    until(lambda: psutil.Process(tree.pid).status() != "stopped")
    assert tree.changes() == []


def test_a_number_that_another_process_has_by_now_is_left_alone(started):
    tree = started("idle")
    tree.look()
    (child,) = tree._below.values()
    tree._below[child.pid] = type(child)(pid=child.pid, started=child.started - 1, session=0)
    assert tree.end_detached() == 1
    time.sleep(0.05)
    assert runs(child.pid)
    tree.look()
