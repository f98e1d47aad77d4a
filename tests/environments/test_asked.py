"""What an environment may be written as, and what is refused with words."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from suite.environments.asked import read_environment
from suite.errors import UsageError

PYTHON = Path(sys.executable)


def read(text):
    asked = read_environment(text, "--env")
    return asked.python, asked.requirements, dict(asked.variables)


@pytest.mark.parametrize(
    ("text", "requirements", "variables"),
    [
        ("here", (), {}),
        ("torch==2.12.*", ("torch==2.12.*",), {}),
        ("torch >= 2.1, < 3", ("torch>=2.1,<3",), {}),
        ("torch~=2.1 numpy!=2.0", ("torch~=2.1", "numpy!=2.0"), {}),
        ("A=1 torch===2.1+cpu B==2", ("torch===2.1+cpu", "B==2"), {"A": "1"}),
        ("ONEDNN_MAX_CPU_ISA=AVX2 X=", (), {"ONEDNN_MAX_CPU_ISA": "AVX2", "X": ""}),
        ("X='a b' OMP_NUM_THREADS=2,1", (), {"X": "a b", "OMP_NUM_THREADS": "2,1"}),
        ("-f /wheels --pre numpy", ("-f", "/wheels", "--pre", "numpy"), {}),
        ("--index-url=https://x/cpu torch", ("--index-url=https://x/cpu", "torch"), {}),
        ("torch @ https://x/t-1-py3-none-any.whl", ("torch@https://x/t-1-py3-none-any.whl",), {}),
        ("./mine/t-1-py3-none-any.whl", ("./mine/t-1-py3-none-any.whl",), {}),
    ],
)
def test_requirements_and_variables(text, requirements, variables):
    assert read(text) == (None, requirements, variables)


def test_a_python_is_a_path_a_folder_of_an_environment_or_a_command(tmp_path, monkeypatch):
    inside = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    python = tmp_path / "venv" / inside
    python.parent.mkdir(parents=True)
    python.write_text("")
    python.chmod(0o755)
    assert read(str(PYTHON))[0] == str(PYTHON)
    assert read(f"{tmp_path}/venv A=1") == (str(python), (), {"A": "1"})
    monkeypatch.chdir(tmp_path)
    assert read("./venv")[0] == str(python)
    monkeypatch.setenv("PATH", str(python.parent))
    assert read("python")[0] == str(python)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links")
def test_links_to_a_python_are_kept_as_they_tell_its_environment(tmp_path):
    (tmp_path / "python").symlink_to(PYTHON)
    assert read(str(tmp_path / "python"))[0] == str(tmp_path / "python")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing asked for; accepted: a requirement line"),
        ("  ", "nothing asked for"),
        ("A='1", "No closing quotation; accepted: a requirement line"),
        ("/no/such/python", "/no/such/python: no such Python"),
        ("python9.99", "no python9.99 on PATH; give the path of a Python"),
        (f"{PYTHON} torch==2", "one Python, or requirements that are installed beside"),
        (f"{PYTHON} {PYTHON}", "one Python, or requirements"),
        ("--upgrade torch", "--upgrade is no option for requirements; accepted: -i, --index-url"),
        ("PYTHONHASHSEED=1", "PYTHONHASHSEED is drawn anew in each block"),
        ("PYTHONPATH=x", "PYTHONPATH is how the processes find ConvGauge"),
        ("CONVGAUGE_LOCKS=x", "CONVGAUGE_LOCKS is ConvGauge’s own"),
        ("LD_PRELOAD=/no/such.so", "/no/such.so: no such library"),
        ("OMP_NUM_THREADS=two", 'OMP_NUM_THREADS is "two"; accepted: a whole number of 1 or more'),
        ("OMP_NUM_THREADS=0", "accepted: a whole number of 1 or more"),
    ],
)
def test_what_is_no_environment_is_refused(text, words):
    with pytest.raises(UsageError) as refused:
        read(text)
    assert str(refused.value).startswith(f'--env "{text}": ')
    assert words in str(refused.value)


def test_a_folder_that_is_no_environment_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"is no environment: \S+ is not in it"):
        read(str(tmp_path))
