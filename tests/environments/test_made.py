"""Environments for requirement lines: made once, beside this one's packages, and compared."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from suite.environments import installing, made
from suite.environments.asked import read_environment
from suite.environments.environment import Environment, differences, here, ready
from suite.environments.made import RECORD, environments_folder
from suite.errors import UsageError
from suite.measuring.new_run import torch_facts
from suite.processes.interpreter import Interpreter
from suite.registry.catalogue import describe
from suite.registry.sources import Source
from tests.processes.test_lock import held
from tests.tiny_wheels import NAME, make_wheel

PLUGIN = f"""\
import {NAME}
from suite import register

@register("tiny-{{}}".format({NAME}.VALUE), family="direct")
def tiny(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1): ...
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="XDG_CACHE_HOME is not looked at")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for variable in ("PIP_CONSTRAINT", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setattr(installing, "_uses_uv", lambda: False)


@pytest.fixture
def wheels(tmp_path):
    make_wheel(tmp_path / "wheels", "1.0", value=1)
    make_wheel(tmp_path / "wheels", "2.0", value=2)
    return f"--no-index -f {tmp_path / 'wheels'}"


def get_ready(text: str, said: list[str] | None = None) -> Environment:
    say = (said if said is not None else []).append
    return ready(read_environment(text, "--base-env"), "--base-env", say)


def test_an_environment_has_what_was_asked_for_and_this_one_s_packages(wheels, tmp_path):
    said: list[str] = []
    other = get_ready(f"{wheels} {NAME}<2", said)

    assert other.interpreter.python != sys.executable
    assert other.facts.packages["convgauge-tiny"] == "1.0"
    assert other.facts.packages["torch"] == here().facts.packages["torch"]
    assert differences(here(), other) == ("convgauge-tiny absent → 1.0",)
    (folder,) = environments_folder().glob("*/")
    assert f"installing {NAME.replace('_', '-')}==1.0" in said[1].replace("_", "-")
    assert said[2].endswith("kept for the next time, remove it as you like")
    assert str(folder) in said[2]

    # Its processes run with it: a plug-in finds there what is not here.
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    log = tmp_path / "log"
    ours = describe([Source(str(plugin))], log)
    theirs = describe([Source(str(plugin))], log, interpreter=other.interpreter)
    assert NAME in ours.failures[0]
    assert [entry.name for entry in theirs.entries] == ["tiny-1"], theirs.failures


def test_the_same_versions_are_made_once_whatever_they_were_asked_for_by(wheels, monkeypatch):
    first = get_ready(f"{wheels} {NAME}")
    said: list[str] = []
    again = get_ready(f"{wheels} {NAME}>=2", said)
    assert again.facts.python == first.facts.python
    assert len(said) == 1
    assert "asking what it takes" in said[0]
    assert differences(first, again) == ()
    (record,) = environments_folder().glob(f"*/{RECORD}")
    kept = json.loads(record.read_text())
    assert kept["bytes"] > 100
    assert len(kept["asked"]) == 2

    # Exact versions, which mean the same for ever, are not even asked for again.
    made._remember(record.parent, [f"{NAME}==2.0"])
    monkeypatch.setattr(made, "resolve", lambda *_: pytest.fail("asked again"))
    assert get_ready(f"{NAME}==2.0").facts.python == first.facts.python


def test_what_is_here_already_is_this_environment():
    other = get_ready(f"psutil=={here().facts.packages['psutil']}")
    assert other.interpreter.python is None
    assert differences(here(), other) == ()


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (f"{NAME}==9", f"No matching distribution found for {NAME}==9"),
        (f"{NAME}<2 {NAME}>1.5", "conflicting dependencies"),
        ("==2", "==2"),
    ],
)
def test_what_cannot_be_resolved_is_told_with_pip_s_reason(wheels, lines, reason):
    with pytest.raises(UsageError) as refused:
        get_ready(f"{wheels} {lines}")
    assert str(refused.value).startswith(f'--base-env "{wheels} ')
    assert "cannot be installed" in str(refused.value)
    assert reason in str(refused.value)
    assert not list(environments_folder().glob("*/"))


def test_nothing_is_left_of_an_environment_that_cannot_be_installed(wheels, monkeypatch):
    def fails(*_: object) -> None:
        raise UsageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(made, "install", fails)
        with pytest.raises(UsageError, match="the disk is full"):
            get_ready(f"{wheels} {NAME}")
    assert not list(environments_folder().glob("*/"))


def test_whoever_makes_the_same_is_waited_for_and_named(wheels, monkeypatch):
    folder = environments_folder() / "abc"
    folder.parent.mkdir(parents=True)
    said: list[str] = []
    with held(folder.with_suffix(".lock")) as process:
        monkeypatch.setattr(made.time, "sleep", lambda _: process.kill())
        with made._locked(folder, said.append):
            pass
    assert f"another process makes {folder}: process {process.pid}" in said[0]


@pytest.mark.skipif(shutil.which("uv") is None, reason="no uv")
def test_uv_does_the_same(wheels, monkeypatch):
    monkeypatch.setattr(installing, "_uses_uv", lambda: True)
    other = get_ready(f"{wheels} {NAME}<2")
    assert differences(here(), other) == ("convgauge-tiny absent → 1.0",)
    with pytest.raises(UsageError, match=f"there is no version of {NAME.replace('_', '-')}==9"):
        get_ready(f"{wheels} {NAME}==9")
    here_already = f"psutil=={here().facts.packages['psutil']}"
    assert get_ready(here_already).interpreter.python is None


def test_uv_is_not_asked_where_pip_is_told_of_another_index(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(installing.shutil, "which", lambda _: "/usr/bin/uv")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    assert installing._uses_uv()
    monkeypatch.setenv("PIP_INDEX_URL", "https://example.org/simple")
    assert not installing._uses_uv()


# -- another Python --------------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path) -> Path:
    """A Python that has nothing."""
    words = [sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"]
    subprocess.run(words, check=True, capture_output=True)
    return tmp_path / "bare/bin/python"


def test_a_python_without_torch_is_refused_with_what_to_install(bare):
    with pytest.raises(UsageError) as refused:
        get_ready(str(bare))
    assert f"{bare} has no torch, numpy, psutil; install it there: {bare} -m pip" in str(
        refused.value
    )


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo oh no >&2; exit 3", "is no Python that works: oh no"),
        ("exit 3", "is no Python that works: exit code 3"),
        ('echo \'{"version": "3.9.1", "missing": []}\'', "is Python 3.9.1; 3.11 is the oldest"),
    ],
)
def test_what_is_no_python_of_use_is_refused(tmp_path, script, reason):
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    with pytest.raises(UsageError, match=reason):
        get_ready(str(path))


@pytest.mark.skipif(sys.platform != "linux", reason="ld.so says it")
def test_a_library_that_cannot_be_preloaded_is_refused():
    with pytest.raises(
        UsageError, match=r"libnone\.so cannot be preloaded; give the library's path"
    ):
        get_ready("LD_PRELOAD=libnone.so")


# -- differences -----------------------------------------------------------------------------------


def test_variables_that_say_what_is_so_already_are_no_difference(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert differences(here(), get_ready("ONEDNN_MAX_CPU_ISA=AVX2")) == ()
    assert differences(get_ready("ONEDNN_MAX_CPU_ISA=SSE41"), here()) == (
        "ONEDNN_MAX_CPU_ISA SSE41 → AVX2",
    )
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    assert differences(here(), get_ready("ONEDNN_MAX_CPU_ISA=AVX2")) == (
        "ONEDNN_MAX_CPU_ISA unset → AVX2",
    )


def test_threads_and_waiting_are_as_the_environment_says(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert Interpreter().threads is None
    assert Interpreter(variables={"OMP_NUM_THREADS": "2,1"}).threads == 2
    assert "GOMP_SPINCOUNT" in Interpreter().environment()
    active = Interpreter(variables={"OMP_WAIT_POLICY": "active"}).environment()
    assert "GOMP_SPINCOUNT" not in active
    assert active["OMP_WAIT_POLICY"] == "active"


def test_processes_find_the_variables_from_their_start(tmp_path):
    """Torch reads this one when it is loaded, and never again."""
    told = Interpreter(variables={"ATEN_CPU_CAPABILITY": "default"})
    facts = torch_facts(tmp_path / "log", told, "under that")
    assert facts.cpu_capability in ("DEFAULT", "NO AVX")
