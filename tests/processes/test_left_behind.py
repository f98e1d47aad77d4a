"""What runs leave on the machine: nothing, and what a killed one left goes at the next start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from suite.processes import scratch
from tests.conftest import ROOT

LEAVES_MEMORY = """\
from multiprocessing import shared_memory

import torch.nn.functional as F

from suite import register

kept = []


@register("leaves", family="direct")
def leaves(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if not kept:
        kept.append(shared_memory.SharedMemory(create=True, size=64))
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="kills")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder for temporary files that nobody else uses."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def start(*words: object, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, ROOT / "run_bench.py", *map(str, words)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def shared_memory_of_python() -> set[str]:
    folder = Path("/dev/shm")
    return (
        {p.name for p in folder.iterdir() if p.name.startswith("psm_")}
        if folder.is_dir()
        else set()
    )


def kill_when_at_work(run: subprocess.Popen[str], temporary: Path) -> None:
    """Kill a run that has started processes, and wait until they are gone, too."""
    deadline = time.monotonic() + 60
    family: list[psutil.Process] = []
    while len(family) < 3:
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        family = psutil.Process(run.pid).children(recursive=True)
        time.sleep(0.05)
    assert list(temporary.iterdir())  # or this test shows nothing
    run.send_signal(signal.SIGKILL)
    run.communicate()
    psutil.wait_procs(family, timeout=20)


def run_and_kill(runs: int, kills: int, tiny: Path, temporary: Path) -> None:
    plugin = tiny.parent / "leaves.py"
    plugin.write_text(LEAVES_MEMORY)
    words = ("run", tiny, "--plugin", plugin, "--impl", "leaves", "--blocks", "2")
    before = shared_memory_of_python()
    for number in range(kills):
        killed = start(*words, "--out", f"killed-{number}", cwd=tiny.parent)
        kill_when_at_work(killed, temporary)
    for number in range(runs):
        run = start(*words, "--out", f"run-{number}", cwd=tiny.parent)
        said, _ = run.communicate(timeout=120)
        assert run.returncode == 0, said

        assert list(temporary.iterdir()) == []
        assert shared_memory_of_python() <= before


@posix
@pytest.mark.slow
def test_many_runs_and_kills_leave_no_more(tiny, temporary):
    run_and_kill(20, 20, tiny, temporary)


STARTS_A_CHILD = """\
import subprocess
import sys

import torch.nn.functional as F

from suite import register

kept = []


@register("starts", family="direct")
def starts(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if not kept:
        kept.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
        with open("child.txt", "w") as noted:
            noted.write(str(kept[0].pid))
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sessions are looked for in Linux's way")
def test_the_run_after_one_that_was_killed_ends_what_that_had_started_and_leaves_nothing(
    tiny, temporary
):
    noted = tiny.parent / "child.txt"
    for name, text in (
        ("leaves", LEAVES_MEMORY),
        ("starts", STARTS_A_CHILD.replace("child.txt", str(noted))),
    ):
        (tiny.parent / f"{name}.py").write_text(text)
    few = ("--scenario", "a", "--blocks", "2", "--threads", "1")
    leaves = ("--plugin", "leaves.py", "--impl", "leaves", *few)
    words = ("run", tiny, *leaves, "--plugin", "starts.py", "--impl", "starts")
    before = shared_memory_of_python()
    run = start(*words, "--out", "killed", cwd=tiny.parent)
    deadline = time.monotonic() + 60
    while not (noted.exists() and noted.read_text()):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = psutil.Process(int(noted.read_text()))
    family = psutil.Process(run.pid).children(recursive=True)
    assert list(temporary.iterdir())  # or this test shows nothing
    run.send_signal(signal.SIGKILL)
    run.communicate()
    psutil.wait_procs([process for process in family if process.pid != child.pid], timeout=20)
    assert child.is_running()  # or this test shows nothing

    run = start("run", tiny, *leaves, "--out", "next", cwd=tiny.parent)
    said, _ = run.communicate(timeout=120)

    assert run.returncode == 0, said
    assert list(temporary.iterdir()) == []
    assert shared_memory_of_python() <= before
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


HOLDS = """\
import sys
from suite.processes.scratch import own_folder
print(own_folder(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(temporary):
    """A process that has a folder for temporary files, and that folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def test_a_folder_goes_when_its_process_ends(holder):
    process, folder = holder
    assert folder.is_dir()
    process.communicate()
    assert not folder.exists()


@posix
def test_a_folder_in_use_stays_and_one_whose_process_was_killed_goes(holder):
    process, folder = holder
    (folder / "below").mkdir()

    scratch.remove_left_over(folder.parent)
    assert (folder / "below").is_dir()

    process.kill()
    process.wait()
    scratch.remove_left_over(folder.parent)
    assert not folder.exists()


def test_what_only_has_a_name_like_ours_stays(tmp_path):
    (tmp_path / "convgauge-notes").mkdir()
    (tmp_path / "convgauge-notes" / "mine.txt").write_text("dear to me")
    old = time.time() - 2 * scratch.UNLOCKED_S
    os.utime(tmp_path / "convgauge-notes", (old, old))
    (tmp_path / "convgauge-file").write_text("dear to me")
    if sys.platform != "win32":
        (tmp_path / "convgauge-link").symlink_to(tmp_path / "convgauge-notes")
    before = sorted(tmp_path.iterdir())

    scratch.remove_left_over(tmp_path)

    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "convgauge-notes" / "mine.txt").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="gives a folder away")
def test_another_users_folder_stays(holder):
    process, folder = holder
    process.kill()
    process.wait()
    os.chown(folder, 12345, -1)

    scratch.remove_left_over(folder.parent)

    assert folder.is_dir()


@posix
def test_a_long_tmpdir_makes_sockets_go_elsewhere_and_not_the_files(tmp_path):
    long = tmp_path / ("long" * 30)
    long.mkdir()
    code = (
        "from suite.processes import scratch\n"
        "with scratch.scratch_folder() as folder:\n"
        "    print(folder, scratch.folder_for_sockets(), sep='\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(long)},
        capture_output=True,
        text=True,
        check=True,
    )
    of_files, of_sockets = map(Path, done.stdout.splitlines())
    assert of_files.is_relative_to(long)
    assert not of_sockets.is_relative_to(long)
    assert len(str(of_sockets)) <= scratch.LONGEST_FOR_SOCKETS
    assert list(long.iterdir()) == []
    assert not of_sockets.exists()
