"""At most one measuring run a machine: the second waits, or refuses, and names the first."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import run_bench
from suite.errors import UsageError
from suite.machine import alone as machine
from suite.machine.alone import FOLDER_VARIABLE, alone, lock_path
from suite.processes.lock import Holder
from tests.conftest import ROOT
from tests.processes.test_lock import held

MEASURES = """\
import sys
from suite.machine.alone import alone
with alone(print, waits=sys.argv[1] == "wait", refused_by="--no-wait"):
    print("measured", flush=True)
"""


def another(word: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", MEASURES, word],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(autouse=True)
def own_machine(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))


def test_a_second_run_waits_for_the_first_and_names_it():
    with held(lock_path()) as first:
        second = another("wait")
        assert second.stdout
        named = second.stdout.readline()
        assert f"another run measures on this machine: process {first.pid}, " in named
        assert "waiting for its end" in named
        assert "--no-wait refuses instead" in named
        assert second.poll() is None
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 0
    assert "for the machine\nmeasured" in out


def test_whoever_does_not_wait_is_refused_with_the_first_named():
    with (
        held(lock_path()) as first,
        pytest.raises(UsageError, match=f"process {first.pid}, .*leave out --no-wait"),
        alone(print, waits=False, refused_by="--no-wait"),
    ):
        pass
    with alone(print, waits=False):
        pass


def test_a_run_that_a_measuring_run_has_started_goes_on_at_once(monkeypatch):
    with alone(pytest.fail):
        inner = another("refuse")
        out, err = inner.communicate(timeout=60)
        assert (inner.returncode, out) == (0, "measured\n"), err
        with alone(pytest.fail, waits=False):
            pass


def test_a_process_that_is_nobody_s_parent_is_another_run():
    holder = Holder(pid=2**22 + 1, command="c", since="s", host=socket.gethostname())
    assert not machine._is_ours(holder)


def test_a_process_of_our_own_number_in_another_container_is_another_run():
    ours = Holder(pid=os.getpid(), command="c", since="s", host=socket.gethostname())
    assert machine._is_ours(ours)
    assert not machine._is_ours(dataclasses.replace(ours, host="another"))


def test_where_there_can_be_no_lock_a_run_goes_on_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "none"))
    said: list[str] = []
    with alone(said.append, waits=False):
        pass
    assert len(said) == 1
    assert str(tmp_path / "none") in said[0]


def test_all_users_find_the_same_file_whatever_their_own_temporary_folder(monkeypatch, tmp_path):
    monkeypatch.delenv(FOLDER_VARIABLE)
    before = lock_path()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert lock_path() == before


# -- commands --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "run quick",
        "profile quick/1x1",
        "gate --base HEAD",
        "gate --baseline r",
        "calibrate",
        "tune",
    ],
)
def test_every_command_that_measures_has_the_machine_to_itself(command, words):
    with held(lock_path()) as first:
        said = command(*words.split(), "--no-wait")
    assert said.code == 2
    assert f"another run measures on this machine: process {first.pid}, " in said.err


def test_whoever_tests_several_runs_at_once_lets_them(command, tiny):
    with held(lock_path()):
        said = command("run", tiny, "--impl", "torch", "--blocks", "1", "--no-exclusive")
        assert said.code == 0, said.err
    assert "another run measures" not in said.out + said.err


def test_no_help_offers_to_measure_beside_another_run(capsys):
    with pytest.raises(SystemExit):
        run_bench.main(["run", "--help"])
    shown = capsys.readouterr().out
    assert "--no-wait" in shown
    assert "exclusive" not in shown


def test_two_runs_into_one_folder_at_once_the_second_is_refused_and_names_the_first(
    command, tiny, tmp_path, monkeypatch
):
    """The first waits for the machine that the test has; a second on another machine would not."""
    out = tmp_path / "out"
    out.mkdir()
    before = sorted(out.iterdir())
    with held(out / ".lock", "removed") as first:
        for more in ([], ["--no-wait"]):
            said = command("run", tiny, "--impl", "torch", "--out", out, *more)
            assert said.code == 2
            assert f"{out}: another run writes into it: process {first.pid}, `" in said.err
            assert "choose another --out" in said.err
    assert sorted(out.iterdir()) == before


def test_a_run_keeps_its_folder_from_others_until_it_has_ended(command, tiny, tmp_path):
    """Both real: the first is seen to be at work before the second is asked."""
    out = tmp_path / "out"
    few = ("--blocks", "3", "--threads", "1")
    first = subprocess.Popen(
        [sys.executable, ROOT / "run_bench.py", "run", tiny, "--impl", "torch", *few, "--out", out],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, FOLDER_VARIABLE: str(other_machine(tmp_path))},
    )
    deadline = time.monotonic() + 60
    while not (out / "manifest.json").exists():
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for words in (["run", tiny, "--impl", "torch"], ["run", "--resume"]):
        said = command(*words, "--out", out)
        assert said.code == 2
        assert f"process {first.pid}, `run_bench.py run {tiny}" in said.err
    _, err = first.communicate(timeout=120)
    assert first.returncode == 0, err
    assert not (out / ".lock").exists()
    said = command("run", "--resume", "--out", out)
    assert said.code == 0, said.err


def other_machine(tmp_path: Path) -> Path:
    """Return a folder for another machine's locks, which shares the disk with this one."""
    folder = tmp_path / "other machine"
    folder.mkdir()
    return folder
