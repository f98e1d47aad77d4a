"""What a message tells the user to run, whichever way ConvGauge was installed."""

from __future__ import annotations

import shlex

import pytest

from suite import program
from tests.conftest import ROOT

EXTRAS = ("", "engines", "profile")


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_checkout_is_installed_from_where_it_lies(tmp_path, monkeypatch, extra):
    monkeypatch.chdir(ROOT)
    here = shlex.split(program.how_to_install(extra))
    monkeypatch.chdir(tmp_path)
    elsewhere = shlex.split(program.how_to_install(extra))

    brackets = f"[{extra}]" if extra else ""
    assert here == ["pip", "install", "-e", f".{brackets}", "-c", "constraints.txt"]
    pinned = str(ROOT / "constraints.txt")
    assert elsewhere == ["pip", "install", "-e", f"{ROOT}{brackets}", "-c", pinned]


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_wheel_is_added_to_by_its_name(monkeypatch, extra):
    monkeypatch.setattr(program, "_IN_CHECKOUT", False)

    brackets = f"[{extra}]" if extra else ""
    words = shlex.split(program.how_to_install(extra))
    assert words == ["pip", "install", f"convgauge{brackets}"]


def test_a_source_distribution_pins_nothing_that_it_has_not(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "_TREE", tmp_path)

    assert shlex.split(program.how_to_install()) == ["pip", "install", "-e", str(tmp_path)]


@pytest.mark.parametrize(
    ("started", "stands_in_tree", "words"),
    [
        ("run_bench.py", True, ("python", "run_bench.py")),
        ("../there/run_bench.py", False, ("python", "../there/run_bench.py")),
        ("/venv/bin/convgauge", False, ("convgauge",)),
        ("/there/convgauge.py", False, ("python", "-m", "convgauge")),
        ("/venv/bin/pytest", True, ("python", "run_bench.py")),
        ("/venv/bin/pytest", False, ("python", str(ROOT / "run_bench.py"))),
    ],
)
def test_the_program_is_named_so_that_it_runs_where_the_user_stands(
    tmp_path, monkeypatch, started, stands_in_tree, words
):
    monkeypatch.chdir(ROOT if stands_in_tree else tmp_path)

    assert program.words_of(started) == words
