"""What the processes that measure find in their environment, and what they leave behind."""

from __future__ import annotations

import contextlib
import mmap
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from suite.conditions import Scenario
from suite.messages.worker import Gate, Load, Open
from suite.problem import Problem
from suite.processes.fork_server import OPEN_FILES, chosen_environment, steady_environment
from suite.processes.peer import Peer
from suite.processes.shared_memory import OperandLayout, ResultLayout, SharedMemory
from suite.registry.sources import builtin_sources
from tests.conftest import ROOT
from tests.locks import HandOver, Lock, Locked

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


GATE = Gate(slot=0, kind="normal", log_operators=False, hand_back=False, last=True)
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
    assert faults_a_call({}) > OUTPUT_PAGES / 12  # or this test shows nothing
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


SHARED_MEMORY = Path("/dev/shm")
needs_maps = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/PID/maps")


def semaphores_of(pid: int) -> set[int]:
    """Return the named semaphores that a process has, by inode: its own names may be gone."""
    lines = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    return {int(line[4]) for line in lines if line[5:] and line[5].startswith("/dev/shm/sem.")}


def still_named() -> set[int]:
    """Return the inodes of everything in shared memory, other programs' included."""
    return {entry.inode() for entry in os.scandir(SHARED_MEMORY)}


def after_a_parallel_call(log: Path) -> tuple[Peer, set[int]]:
    """Start a worker that has called a row on Numba's threads; return its semaphores, too."""
    source = next(s for s in builtin_sources(ROOT) if s.location == "impls.loops_numba")
    worker = Peer("suite.worker.process:main", source, "loops_parallel", 2, name="worker", log=log)
    scenario = Scenario(id="s", problem=Problem.of_call((1, 2, 6, 6), (2, 2, 3, 3)))
    operands, results = (
        SharedMemory(OperandLayout(scenario).size_bytes),
        SharedMemory(ResultLayout(scenario).size_bytes),
    )
    with operands, results:
        worker.ask(Load())
        worker.hand_over(operands, writable=False, timeout_s=60)
        worker.hand_over(results, writable=True, timeout_s=60)
        worker.ask(Open(scenario=scenario, operands=operands.path, results=results.path))
        assert worker.ask(GATE).reply
    return worker, semaphores_of(worker.pid)


@needs_maps
@pytest.mark.parametrize("killed", [False, True], ids=["ends", "is killed"])
def test_no_semaphore_of_a_worker_outlives_it(tmp_path, killed):
    made = set()
    for _ in range(4):
        worker, semaphores = after_a_parallel_call(tmp_path / "log")
        assert semaphores  # or this test shows nothing
        made |= semaphores
        if killed:
            os.kill(worker.pid, signal.SIGKILL)
        worker.close()

    assert not made & still_named()


@pytest.mark.slow
@needs_maps
def test_no_semaphore_outlives_a_run_that_is_killed(tiny, tmp_path):
    run = subprocess.Popen(
        [sys.executable, ROOT / "run_bench.py", "run", tiny, "--impl", "loops_parallel"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    made, deadline = set(), time.monotonic() + 60
    while not made and time.monotonic() < deadline:
        family = psutil.Process(run.pid).children(recursive=True)
        for process in family:
            try:
                made |= semaphores_of(process.pid)
            except OSError:  # it has ended meanwhile
                continue
        time.sleep(0.05)
    run.kill()
    run.wait()
    psutil.wait_procs(family, timeout=20)

    assert made
    assert not made & still_named()


needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="only there names are taken away"
)


@pytest.fixture
def locks(tmp_path):
    peer = Peer("tests.locks:main", name="locks", log=tmp_path / "log")
    yield peer
    peer.close()


@needs_fork
def test_a_semaphore_without_a_name_works_here_and_in_forked_processes(locks):
    assert locks.ask(Lock()) == Locked(second=False, after_release=True, forked=7)


@needs_fork
@pytest.mark.skipif(sys.version_info < (3, 11, 5), reason="multiprocessing does not look before")
def test_a_semaphore_without_a_name_is_not_handed_to_a_process_that_could_not_find_it(locks):
    assert "not supported" in locks.ask(HandOver()).refusal


FEW_FILES_AND_INTERRUPTED_WHILE_FORKING = """\
import os, resource, signal
from multiprocessing import forkserver
from pathlib import Path
from suite.processes.peer import Peer
signal.signal(signal.SIGINT, signal.default_int_handler)  # the shell may have had it ignored
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
connect = forkserver._forkserver.connect_to_new_process
def interrupted(fds):
    connected = connect(fds)
    os.kill(os.getpid(), signal.SIGINT)
    return connected
Peer('suite.judge.process:main', 1, name='first', log=Path('log')).close()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
forkserver.connect_to_new_process = interrupted
try:
    Peer('suite.judge.process:main', 1, name='any', log=Path('log'))
except KeyboardInterrupt:
    print('interrupted')
"""


def program(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program that finds the suite; it has to end."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def forked(tmp_path_factory) -> subprocess.CompletedProcess[str]:
    """A process that forks with few open files, and is interrupted when it does so again."""
    pytest.importorskip("resource")
    return program(FEW_FILES_AND_INTERRUPTED_WHILE_FORKING, tmp_path_factory.mktemp("forked"))


def test_a_low_limit_of_open_files_is_raised_as_far_as_it_may(forked):
    resource = pytest.importorskip("resource")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert int(forked.stdout.splitlines()[0]) == (OPEN_FILES if hard < 0 else min(OPEN_FILES, hard))


def test_ctrl_c_while_a_process_is_forked_prints_no_traceback(forked):
    assert forked.stdout.splitlines()[1:] == ["interrupted"], forked.stderr
    assert "Traceback" not in forked.stderr


HELD_AND_LOST = """\
from pathlib import Path
from suite.processes.peer import Peer
lost = Peer('suite.judge.process:main', 1, name='lost', log=Path('log'))
lost.tree.stop()
print(lost.pid)
"""


def test_a_program_ends_though_it_lost_a_process_that_it_held(tmp_path):
    done = program(HELD_AND_LOST, tmp_path)
    assert done.returncode == 0, done.stderr
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(15)


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


@pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="processes are spawned here"
)
def test_a_server_that_was_started_for_nothing_ends_with_its_process():
    code = (
        "from suite.processes import fork_server\n"
        "fork_server.start_early()\n"
        "print(fork_server.server_pid())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(5)
    assert not psutil.pid_exists(int(done.stdout))
    assert done.stderr == ""
