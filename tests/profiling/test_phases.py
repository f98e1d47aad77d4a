"""Marks of phases: silent and without effect until somebody listens; whole when somebody does."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace

import pytest
import torch

from suite import phases
from suite.conditions import Scenario
from suite.phases import INVERSE, PACK, PRODUCT, TRANSFORM, UNPACK
from suite.problem import Problem
from suite.profiling.child import phase_times
from suite.profiling.child.subject import Subject
from suite.registry import registering, sources
from suite.registry.sources import Source
from tests.conftest import ROOT

MARKED = {
    "unfold": {"transform", "product", "unpack"},
    "im2row": {"pack", "transform", "product", "unpack"},
    "mec": {"pack", "transform", "product", "unpack"},
    "kn2row": {"pack", "product", "unpack"},
    "fft": {"pack", "transform", "product", "inverse", "unpack"},
    "fft_packed": {"transform", "product", "inverse", "unpack"},
    "fft_tiled": {"transform", "product", "inverse", "unpack"},
    "winograd_2x2": {"pack", "transform", "product", "inverse", "unpack"},
    "winograd_4x4": {"pack", "transform", "product", "inverse", "unpack"},
    "winograd_tile4": {"transform", "product", "inverse"},
    "winograd_tile6": {"transform", "product", "inverse"},
    "winograd_tile8": {"transform", "product", "inverse"},
    "gemm_1x1": {"product"},
    "gemm_patches": {"pack", "product"},
    "depthwise": {"pack", "product"},
    "grouped": {"pack", "product"},
}
SHAPES = {
    "gemm_1x1": {"kernel_h": 1, "kernel_w": 1},
    "gemm_patches": {"kernel_h": 2, "kernel_w": 2, "stride_h": 2, "stride_w": 2},
    "depthwise": {"groups": 8},
    "winograd_tile8": {"in_channels": 32},
    "grouped": {"groups": 2},
}


class Notes:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def enter(self, name: str) -> None:
        self.heard.append(name)

    def leave(self) -> None:
        self.heard.append("")


@pytest.fixture(scope="module", autouse=True)
def implementations() -> None:
    for source in sources.builtin_sources(ROOT):
        if source.location.rpartition(".")[2] not in ("compiled", "engines", "vendor"):
            sources.load(source)


@pytest.fixture
def notes():
    notes = Notes()
    phases.listen(notes)
    yield notes
    phases.listen(None)


def subject_of(name: str) -> Subject:
    sizes = {"in_channels": 8, "kernel_h": 3, "kernel_w": 3, **SHAPES.get(name, {})}
    problem = Problem(batch_size=2, height=12, width=11, out_channels=8, **sizes)
    return Subject(registering.get(name), Scenario(id="t/one", problem=problem))


@pytest.mark.parametrize("name", MARKED)
def test_every_implementation_of_our_own_tells_its_phases_and_computes_the_same(name):
    with torch.no_grad():
        subject = subject_of(name)
        operand = subject.next_operand()
        silent = subject.invocation.call(operand).clone()
        notes = Notes()
        phases.listen(notes)
        try:
            listened = subject.invocation.call(operand)
        finally:
            phases.listen(None)

    assert {phase for phase in notes.heard if phase} == MARKED[name]
    assert notes.heard.count("") == len(notes.heard) // 2
    assert torch.equal(silent, listened)


def test_marks_do_nothing_while_nobody_listens(monkeypatch):
    def heard(*_):
        raise AssertionError("a mark was heard")

    monkeypatch.setattr(phase_times.Clock, "enter", heard)
    assert not phases.is_heard()
    with PACK, TRANSFORM, PRODUCT, INVERSE, UNPACK:
        pass


def test_a_phase_that_fails_has_ended(notes):
    with pytest.raises(ZeroDivisionError), PACK, PRODUCT:
        raise ZeroDivisionError
    assert notes.heard == ["pack", "product", "", ""]


def test_the_time_of_an_inner_phase_is_not_the_outer_ones():
    stamps = [("pack", 0), ("product", 10), (None, 40), ("unpack", 50), (None, 55), (None, 100)]
    spans = list(phase_times._spans(stamps))
    assert [name for name, _ in spans] == ["product", "unpack", "pack"]
    assert [round(seconds * 1e9) for _, seconds in spans] == [30, 5, 65]
    assert round(sum(seconds for _, seconds in spans) * 1e9) == 100


def test_nobody_listens_any_more_after_an_implementation_failed_under_measurement():
    def fails(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        with PRODUCT:
            if phases.is_heard():
                raise RuntimeError("planted")
        return torch.nn.functional.conv2d(input, weight)

    implementation = registering.Implementation(
        name="fails", family="direct", function=fails, source="here"
    )
    problem = Problem(
        batch_size=1, in_channels=1, height=4, width=4, out_channels=1, kernel_h=2, kernel_w=2
    )
    subject = Subject(implementation, Scenario(id="t/two", problem=problem))

    with pytest.raises(RuntimeError, match="planted"):
        phase_times.measure(subject)
    assert not phases.is_heard()


def test_phases_and_what_lies_between_add_up_to_the_call_that_was_listened_to():
    measured = phase_times.measure(subject_of("fft"))

    assert set(measured.phases_s) == MARKED["fft"]
    assert measured.unmarked_s >= 0
    told_s = sum(measured.phases_s.values()) + measured.unmarked_s
    assert measured.total_share == pytest.approx(told_s / measured.unprofiled_s)


def test_plugins_find_the_marks_where_the_documentation_says(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import torch.nn.functional as F\nfrom suite import register\n"
        "from suite.phases import PRODUCT\n\n"
        '@register("marked_plugin", family="direct")\n'
        "def f(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):\n"
        "    with PRODUCT:\n"
        "        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)\n"
    )
    sources.load(Source(str(tmp_path / "mine.py")))
    assert set(phase_times.measure(subject_of("marked_plugin")).phases_s) == {"product"}


def test_a_pause_while_the_marks_are_calibrated_does_not_lengthen_them(monkeypatch):
    """One collection of garbage in a fresh process takes 0.1 s: 3000 short calls."""
    readings = itertools.count()

    def paused() -> float:
        return time.perf_counter() + (0.1 if next(readings) == 7 else 0.0)

    monkeypatch.setattr(phase_times, "time", SimpleNamespace(
        perf_counter=paused, perf_counter_ns=time.perf_counter_ns
    ))  # fmt: skip

    assert sum(phase_times._cost_of_a_mark()) < 20e-6
