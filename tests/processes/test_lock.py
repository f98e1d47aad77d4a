"""A lock names its holder, ends with it however it ends, and trusts nothing that it reads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from suite.processes.lock import UNKNOWN, FileLock
from tests.conftest import ROOT

HOLDS = """\
import sys
from pathlib import Path
from suite.processes.lock import FileLock
lock = FileLock(Path(sys.argv[1]), is_removed=len(sys.argv) > 2)
assert lock.take() is None and not lock.unavailable
print("held", flush=True)
sys.stdin.read()
lock.release()
"""


@contextmanager
def held(path: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Have another process hold the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path), *more],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.communicate()


def test_the_holder_is_named_and_nobody_else_gets_the_lock(tmp_path):
    lock = FileLock(tmp_path / "lock")
    with held(tmp_path / "lock") as process:
        holder = lock.take()
        assert holder
        assert holder.pid == process.pid
        assert f"process {process.pid}, `-c {tmp_path / 'lock'}`, since 20" in str(holder)
    assert lock.take() is None
    lock.release()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there are other ways to end here")
def test_a_killed_holder_keeps_nobody_out(tmp_path):
    lock = FileLock(tmp_path / "lock")
    with held(tmp_path / "lock") as process:
        assert lock.take()
        process.kill()
        process.wait()
        assert lock.take() is None
    lock.release()


def test_a_file_that_went_with_its_lock_is_no_lock_any_more(tmp_path):
    path = tmp_path / "lock"
    with held(path, "removed"):
        assert path.exists()
    assert not path.exists()
    first, second = FileLock(path, is_removed=True), FileLock(path, is_removed=True)
    assert first.take() is None
    path.unlink()  # as a holder does that has ended while the other was opening the file
    assert second.take() is None
    second.release()
    first.release()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x1b[2Jnot json",
        b"[]",
        b'{"pid": [1]}',
        b'{"pid": 7, "command": "x"}',
        b"\xff" * 5000,
        b"9" * 5000,
    ],
)
def test_what_a_holder_did_not_write_names_nobody(tmp_path, text):
    lock, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert lock.take() is None
    (tmp_path / "lock").write_bytes(text)
    assert other.take() == UNKNOWN
    lock.release()


def test_a_holder_s_name_cannot_reach_into_the_terminal(tmp_path):
    lock, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert lock.take() is None
    record = {
        "pid": 7,
        "command": "run \x1b]0;x\x07\n::error::y" + "z" * 999,
        "since": "",
        "host": "",
    }
    (tmp_path / "lock").write_text(json.dumps(record))
    holder = other.take()
    assert holder is not None
    assert str(holder).isprintable()
    assert len(holder.command) == 300
    lock.release()


@pytest.mark.skipif(sys.platform == "win32", reason="locks there keep others from reading")
def test_a_file_that_may_only_be_read_is_locked_all_the_same(tmp_path):
    path = tmp_path / "lock"
    path.touch(mode=0o444)
    path.chmod(0o444)
    with held(path):
        assert FileLock(path).take()


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links")
@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "missing folder"])
def test_what_is_no_file_is_left_alone_and_said(tmp_path, kind):
    path, target = tmp_path / "lock", tmp_path / "target"
    target.write_text("kept")
    if kind == "link":
        path.symlink_to(target)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = tmp_path / "none" / "lock"
    lock = FileLock(path)
    assert lock.take() is None
    assert lock.unavailable
    assert str(path) in lock.unavailable
    lock.release()
    assert target.read_text() == "kept"


@pytest.mark.skipif(not hasattr(os, "umask"), reason="no masks")
def test_other_users_may_take_part(tmp_path):
    before = os.umask(0o077)
    try:
        lock = FileLock(tmp_path / "lock")
        lock.take()
    finally:
        os.umask(before)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o666
    lock.release()
