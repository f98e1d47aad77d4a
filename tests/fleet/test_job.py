"""A job on a worker: real processes, which end with whoever asked for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from suite.errors import UsageError
from suite.fleet import at_worker, job, leash
from suite.fleet.job import RunningJob, environment
from suite.messages.fleet import Ask, Job, SentFile, Told
from suite.records import from_json, to_json
from tests.conftest import ROOT

VALIDATE = Job(
    words=("validate", "quick"), files=(), records="run/results.jsonl", variables={}, waits=False
)
WAITS = Path(__file__).with_name("waits.py")
LONG_S = 60.0


def wait_until(what, most_s=30.0):
    deadline = time.monotonic() + most_s
    while not (value := what()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


@pytest.fixture
def at_rest(monkeypatch):
    """Jobs whose process only writes a record and waits: no command, no torch."""
    monkeypatch.setattr(job, "_start_words", lambda: f"exec(open({str(WAITS)!r}).read())")


@pytest.fixture
def begun(at_rest):
    jobs = []

    def begin(lease_s=LONG_S, **more):
        asked = Job(**{"words": (), "files": (), "records": "r.jsonl", "variables": {}, **more})
        jobs.append(RunningJob(asked, {"d": "text\r\n"}, lease_s))
        return jobs[-1]

    yield begin
    for one in jobs:
        one.close()


def test_an_ordinary_command_is_done_and_tells_its_exit_code():
    ask = Ask(
        identity="one", begin=VALIDATE, texts={}, offset=0, wait_s=20.0, lease_s=LONG_S, forget=()
    )
    told = from_json(Told, at_worker.serve(to_json(ask)))
    at_worker.serve(to_json(Ask(
        identity="", texts={}, offset=0, wait_s=0.0, lease_s=1.0, forget=("one",)
    )))  # fmt: skip

    assert (told.state, told.exit_code) == ("ended", 0)
    assert "quick" in told.said
    assert not at_worker._jobs


def test_files_travel_as_text_and_keep_their_line_ends(begun):
    running = begun(files=(SentFile(path="scenarios0/a.yaml", digest="d"),))

    assert (running.folder / "scenarios0/a.yaml").read_bytes() == b"text\r\n"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="of Linux")
def test_workers_that_share_a_machine_keep_to_their_cores(begun):
    cores = sorted(os.sched_getaffinity(0))
    running = [begun(share=(part, 2)) for part in (0, 1)]
    kept = [os.sched_getaffinity(each._process.pid) for each in running]

    assert set().union(*kept) == set(cores)
    assert all(kept)
    if len(cores) > 1:
        assert not kept[0] & kept[1]


@pytest.mark.parametrize("path", ["../a", "/etc/a", "a/../../b", "c:\\a", "a\\b"])
def test_no_file_lies_outside_of_a_jobs_folder(path):
    asked = Job(
        words=(), files=(SentFile(path=path, digest="d"),), records="r", variables={}, waits=False
    )
    with pytest.raises(UsageError, match="lie in its folder"):
        RunningJob(asked, {"d": ""}, 1.0)


def test_only_whole_lines_are_told_and_each_once(begun):
    running = begun()
    (running.folder / "r.jsonl").write_bytes(b'{"a":1}\n{"b":')

    assert running.records_from(0) == ('{"a":1}\n', False)
    assert running.records_from(8) == ("", False)


def test_a_process_ends_when_it_is_forgotten_and_takes_its_folder_along(begun):
    running = begun()
    pid = wait_until(lambda: running._process.pid)
    wait_until((running.folder / "pid").exists)
    running.close()

    assert not psutil.pid_exists(pid)
    assert not running.folder.exists()


def test_a_process_that_nobody_asks_for_ends_itself(begun):
    running = begun(lease_s=0.5)
    wait_until((running.folder / "pid").exists)

    assert wait_until(lambda: running.exit_code) == -signal.SIGKILL


def test_a_process_that_is_asked_for_goes_on(begun):
    running = begun(lease_s=1.5)
    for _ in range(20):
        running.renew()
        time.sleep(0.1)

    assert running.exit_code is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_measuring_process_dies_with_its_worker(tmp_path):
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(waits=str(WAITS))],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    folder = Path(worker.stdout.readline().strip())
    wait_until(lambda: (folder / "pid").exists() and (folder / "pid").read_text())
    measuring = int((folder / "pid").read_text())
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()

    wait_until(lambda: not psutil.pid_exists(measuring))


WORKER = """
import time
from suite.fleet import job
from suite.messages.fleet import Job
job._start_words = lambda: "exec(open({waits!r}).read())"
asked = Job(words=(), files=(), records="r", variables={{}}, waits=False)
print(job.RunningJob(asked, {{}}, 60.0).folder, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")
def test_a_held_process_is_seen_and_can_be_ended(begun):
    running = begun()
    wait_until((running.folder / "pid").exists)
    os.kill(running._process.pid, signal.SIGSTOP)

    assert wait_until(running.is_stopped)


def test_the_nannys_environment_does_not_reach_the_measuring_process():
    nannys = {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_TRIM_THRESHOLD_": "65536",
        "PYTHONHASHSEED": "6640",
        "DASK_INTERNAL_INHERIT_CONFIG": "x",
    }
    kept = {"HOME": "/home/me", "LD_PRELOAD": "jemalloc.so"}

    scrubbed = environment({**nannys, **kept})
    assert not scrubbed.keys() & nannys.keys()
    assert scrubbed.items() >= kept.items()


def test_what_a_user_chose_stays():
    chosen = {"OMP_NUM_THREADS": "4", "MALLOC_TRIM_THRESHOLD_": "1", "PYTHONHASHSEED": "0"}

    assert environment(chosen).items() >= chosen.items()


def test_what_is_asked_by_another_version_is_refused_in_words():
    told = from_json(Told, at_worker.serve('{"identity": "x", "speed": 3}'))

    assert told.state == "refused"
    assert "another version of ConvGauge" in told.said


def test_a_forgotten_job_is_not_begun_by_chance():
    ask = Ask(identity="gone", texts={}, offset=0, wait_s=0.0, lease_s=1.0, forget=())

    assert from_json(Told, at_worker.serve(to_json(ask))).state == "refused"


def test_the_leash_is_not_what_plug_ins_read_from_standard_input():
    script = (
        "import os, sys, time\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from suite.fleet import leash\n"
        "leash.hold(60.0)\n"
        "print(repr(os.read(0, 1)))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdin.write(b"....")
        process.stdin.flush()
        assert process.stdout.read() == b"b''\n"
    assert leash.EXIT_UNLEASHED
