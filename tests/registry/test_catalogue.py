"""What there is, told by processes: ConvGauge's own modules share one, and harm no other."""

from __future__ import annotations

import pytest

from suite.conditions import Scenario
from suite.errors import UsageError
from suite.problem import Problem
from suite.registry import catalogue
from suite.registry.catalogue import describe, read_catalogue
from suite.registry.sources import Source, builtin_sources
from tests.conftest import ROOT

ROW = """\
from suite import register

@register("{name}", family="direct")
def convolve(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    ...
"""


@pytest.fixture
def started(monkeypatch):
    """The sources of each process that was started, by their modules' last names."""
    processes = []
    ask = catalogue._ask

    def noted(sources, *rest):
        processes.append([source.location.rpartition(".")[2] for source in sources])
        return ask(sources, *rest)

    monkeypatch.setattr(catalogue, "_ask", noted)
    return processes


@pytest.fixture
def tree(tmp_path):
    """Return a function that makes a checkout with modules of these texts."""

    def make(**modules: str):
        (tmp_path / "impls").mkdir()
        for name, text in {"__init__": "", **modules}.items():
            (tmp_path / "impls" / f"{name}.py").write_text(text)
        return builtin_sources(tmp_path)

    return make


def test_our_own_modules_share_one_process(tree, started, tmp_path):
    sources = tree(a=ROW.format(name="one"), b=ROW.format(name="two"))

    described = describe(sources, tmp_path / "log")

    assert started == [["a", "b"]]
    assert [(entry.name, entry.source) for entry in described.entries] == [
        ("one", sources[0]),
        ("two", sources[1]),
    ]
    assert described.failures == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("import os\nos._exit(3)\n", "exit code 3", id="ends the process"),
        pytest.param("1 / 0\n", "ZeroDivisionError", id="does not import"),
        pytest.param(ROW.format(name="one"), None, id="takes another's name"),
    ],
)
def test_where_one_of_them_fails_each_is_asked_apart_and_costs_its_own_rows(
    tree, started, tmp_path, text, told
):
    sources = tree(a=ROW.format(name="one"), b=text, c=ROW.format(name="three"))

    described = describe(sources, tmp_path / "log")

    assert started == [["a", "b", "c"], ["a"], ["b"], ["c"]]
    names = [entry.name for entry in described.entries]
    if told is None:  # by itself it does import: whoever reads the catalogue refuses two of a name
        assert names == ["one", "one", "three"]
        return
    assert names == ["one", "three"]
    (failure,) = described.failures
    assert "impls.b: does not import" in failure
    assert told in failure


def test_a_plug_in_never_shares_a_process(tree, started, tmp_path):
    (tmp_path / "mine.py").write_text(ROW.format(name="mine"))
    plugin = Source(str(tmp_path / "mine.py"), str(tmp_path))

    described = describe([*tree(a=ROW.format(name="one")), plugin], tmp_path / "log")

    assert started == [["a"], [plugin.location.rpartition(".")[2]]]
    assert [entry.name for entry in described.entries] == ["one", "mine"]


def test_together_they_say_what_each_says_by_itself(tmp_path):
    usual = {f"impls.{name}" for name in ("auto", "cudnn", "gemm", "vendor", "winograd")}
    sources = [s for s in builtin_sources(ROOT) if s.location in usual]
    problem = Problem.of_call((1, 4, 9, 9), (4, 4, 3, 3), dilation=(2, 2))
    asked = tmp_path / "log", [Scenario(id="s", problem=problem)]

    together = describe(sources, *asked).entries

    assert len(together) > len(usual)
    assert together == tuple(
        entry for source in sources for entry in describe([source], *asked).entries
    )


def test_plug_ins_are_looked_at_before_our_own_modules_and_absent_ones_before_any(
    started, tmp_path
):
    absent = [tmp_path / "one.py", tmp_path / "two.py"]
    with pytest.raises(UsageError) as refused:
        read_catalogue(ROOT, absent, tmp_path / "log")
    assert str(refused.value) == "\n".join(f"{path}: no such plug-in file" for path in absent)
    assert started == []

    (tmp_path / "one.py").write_text("1 / 0\n")
    with pytest.raises(UsageError, match=r"one\.py:1: does not import: ZeroDivisionError"):
        read_catalogue(ROOT, absent[:1], tmp_path / "log")
    assert len(started) == 1
