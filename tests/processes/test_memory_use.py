"""A process's memory counts whole: what it shares, and what those hold that it started."""

from __future__ import annotations

import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from suite.processes import log_file, memory_use
from suite.processes.channel import Done, Request
from suite.processes.peer import Peer, ProcessFailed
from suite.processes.shared_memory import SharedMemory
from tests.hoards import Hoard, Named

MIB = 2**20
LIMIT_BYTES = 600 * MIB
MUCH_BYTES = 640 * MIB
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def hoarder(folder: Path, limit_bytes: int | None = LIMIT_BYTES) -> Peer:
    return Peer(
        "tests.hoards:main", name="hoarder", log=folder / "log", memory_limit_bytes=limit_bytes
    )


def provoke(peer: Peer, request: Request[Done]) -> None:
    peer.ask(request)
    peer.watch()


@linux
@pytest.mark.parametrize("way", ["private", "shared_mapping"])
def test_memory_that_is_mapped_counts_whether_it_is_shared_or_not(tmp_path, way):
    peer = hoarder(tmp_path)
    with pytest.raises(ProcessFailed, match=r"used 0\.[6-9] GiB.*the limit is 0\.6 GiB") as failed:
        provoke(peer, Hoard(way=way, size_bytes=MUCH_BYTES))

    assert failed.value.status == "out_of_memory"
    assert peer.ended


@linux
def test_memory_that_is_open_and_not_mapped_counts(tmp_path):
    peer = hoarder(tmp_path, None)
    try:
        before = memory_use.used_bytes([peer.pid], 0)
        peer.ask(Hoard(way="unmapped", size_bytes=64 * MIB))
        after = memory_use.used_bytes([peer.pid], 0)
    finally:
        peer.close()
    assert before is not None
    assert after is not None
    if not next(memory_use._links(psutil.Process().ppid()), None):  # others' descriptors
        pytest.skip("only the superuser sees descriptors of processes that keep others out")
    assert after - before > 50 * MIB


@linux
def test_what_a_process_started_counts_and_ends_with_it(tmp_path):
    peer = hoarder(tmp_path)
    with pytest.raises(ProcessFailed, match="with what it started") as failed:
        provoke(peer, Hoard(way="in_child", size_bytes=MUCH_BYTES))

    assert failed.value.status == "out_of_memory"
    child = int((tmp_path / "log").read_text().split()[-1])
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not psutil.pid_exists(child)


@linux
def test_a_named_segment_goes_with_the_process_that_took_too_much(tmp_path):
    name = f"convgauge-test-{uuid.uuid4().hex}"
    peer = hoarder(tmp_path)
    with pytest.raises(ProcessFailed, match="shared memory included"):
        provoke(peer, Named(name=name, size_bytes=MUCH_BYTES))
    there = Path("/dev/shm") / name
    was_left = there.exists()
    there.unlink(missing_ok=True)

    assert not was_left


@linux
def test_the_suites_own_shared_memory_is_not_held_against_a_process(tmp_path):
    peer = hoarder(tmp_path)
    with SharedMemory(MUCH_BYTES) as memory:
        peer.hand_over(memory, writable=True, timeout_s=30)
        peer.watch()
    peer.close()
    assert memory_use.used_bytes([peer.pid], 0) is None


def test_what_was_shared_before_is_nobodys_to_unlink(tmp_path):
    segment = tmp_path / "segment"
    segment.touch()
    memory_use.unlink([segment, tmp_path / "gone"], since=time.time() + 10)

    assert segment.exists()


def test_a_log_keeps_both_ends_and_says_what_went(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"first words\n" + b"x" * (log_file.MOST_BYTES + 8 * MIB) + b"\nlast words\n")
    with log.open("ab") as printing:
        log_file.bound(log)
        printing.write(b"words to come\n")
    text = log.read_text(encoding="utf-8")

    assert len(text) < log_file.MOST_BYTES / 2
    assert text.startswith("first words\n")
    assert "[19 MiB of output left out here: both ends are kept]" in text
    assert text.endswith("x\nlast words\nwords to come\n")


def test_whatever_a_process_prints_its_log_stays_bounded(tmp_path):
    peer = hoarder(tmp_path, None)
    try:
        peer.ask(Hoard(way="printed", size_bytes=3 * log_file.MOST_BYTES))
        peer.watch()
    finally:
        peer.close()

    assert (tmp_path / "log").stat().st_size <= log_file.MOST_BYTES


def test_the_last_lines_of_a_log_that_was_cut_are_those_at_its_end(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"old\n" + b"x" * (log_file.MOST_BYTES + MIB) + b"\nnew\n")
    since = log.stat().st_size - 4
    log_file.bound(log)

    assert log_file.last_lines(log, since)[-1] == "new"
    assert log_file.last_lines(tmp_path / "none", 0) == []
