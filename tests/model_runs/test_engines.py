"""ONNX Runtime and OpenVINO with a whole model: the same numbers, or how to get them."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys

import pytest
import torch

from suite.errors import Unsupported
from suite.model_runs.arms import ways
from suite.models import engines
from suite.models.calling import Calling, calling
from suite.models.subject import Subject
from suite.registry.sources import WaySource
from suite.workload import NetworkScenario
from tests.conftest import ROOT
from tests.model_runs.test_calling import network_with
from tests.models.classics import resnet18
from tests.models.whole import Whole, Words

PACKAGES = {"onnxruntime": ("onnxruntime", "onnx", "onnxscript"), "openvino": ("openvino",)}
BUILT = {
    "two outputs in a dict": (Whole, ("2x3x16x16",)),
    "resnet18": (resnet18, ("1x3x64x64",)),
    "words, and a dict": (Words, ("[pixels]=1x3x8x8", "words=1x5:int64")),
}
"""The last one takes what one engine may not."""


def subject_of(model: torch.nn.Module, *inputs: str) -> Subject:
    return Subject(model.eval(), network_with(*inputs), torch.float32, WaySource("none"))


def judged(called: Calling, seed: int, elements: int) -> torch.Tensor:
    row = torch.randn(elements, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return called.finish(called.call(row))


@pytest.mark.parametrize("what", BUILT)
@pytest.mark.parametrize("engine", PACKAGES)
def test_an_engine_returns_what_the_model_does_in_every_call(engine, what):
    for package in PACKAGES[engine]:
        pytest.importorskip(package)
    build, inputs = BUILT[what]
    torch.manual_seed(0)
    subject = subject_of(build(), *inputs)
    elements = subject.network.input_elements

    function, _ = getattr(engines, engine)(subject)

    own = calling(function, subject.network, torch.float32)
    right = calling(subject.model, subject.network, torch.float32)
    first = judged(own, 1, elements)
    again = judged(own, 2, elements)
    torch.testing.assert_close(first, judged(right, 1, elements), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(again, judged(right, 2, elements), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(judged(own, 1, elements), first)  # and the first one was kept


@pytest.mark.parametrize("engine", PACKAGES)
def test_an_engine_that_is_not_here_says_how_to_get_it(engine, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    scenario = NetworkScenario(id="m/1", problem=network_with("1x3x8x8"))
    install = f"pip install {' '.join(PACKAGES[engine])}"

    (entry,) = (entry for entry in ways([scenario]) if entry.name == engine)

    assert entry.unavailable is not None
    assert entry.unavailable.endswith(install)
    assert entry.unsupported == {"m/1": entry.unavailable}
    with pytest.raises(Unsupported, match=install):
        getattr(engines, engine)(subject_of(Whole(), "1x3x8x8"))


@pytest.mark.parametrize("engine", PACKAGES)
def test_engines_neither_train_nor_compute_other_types(engine):
    network = network_with("1x3x8x8", train=True)
    (trained,) = (
        entry for entry in ways([NetworkScenario(id="t", problem=network)]) if entry.name == engine
    )
    (double,) = (
        entry
        for entry in ways(
            [NetworkScenario(id="d", problem=network_with("1x3x8x8"), dtype="float64")]
        )
        if entry.name == engine
    )

    assert trained.unsupported == {"t": "computes no gradients"}
    assert double.unsupported == {"d": "computes float32 only"}
    subject = subject_of(Whole(), "1x3x8x8")
    with pytest.raises(Unsupported, match="no gradients"):
        getattr(engines, engine)(dataclasses.replace(subject, network=network))
    with pytest.raises(Unsupported, match="float32 only"):
        getattr(engines, engine)(dataclasses.replace(subject, dtype=torch.float64))


def test_openvino_reports_to_nobody():
    pytest.importorskip("openvino")
    command = (
        "import sys; from suite.models.engines import keep_openvino_quiet; keep_openvino_quiet(); "
        "import openvino, psutil; "
        "print(sys.modules['openvino_telemetry'], len(psutil.Process().children()))"
    )

    said = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert said.stdout.split() == ["None", "0"]


def test_a_model_that_cannot_be_exported_is_unsupported_with_torchs_reason():
    for package in PACKAGES["onnxruntime"]:
        pytest.importorskip(package)

    class ByValue(Whole):
        def forward(self, x):
            return super().forward(x if x.sum() > 0 else -x)

    with pytest.raises(Unsupported, match="cannot be exported for ONNX: GuardOnDataDependent"):
        engines.onnxruntime(subject_of(ByValue(), "1x3x8x8"))
