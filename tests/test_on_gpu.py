"""On a real card: run with `pytest -m gpu` where there is one."""

from __future__ import annotations

import json

import pytest
import torch

from suite.registry import registering, sources
from suite.results.cell import Status
from suite.results.folder import read_results
from suite.worker.cuda_clock import CudaTimer
from tests.conftest import FAULTY, ROOT

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]
QUICK = ("--device", "cuda", "--blocks", "2")
SIXTEEN = """\
name: sixteen
defaults: {in_channels: 64, out_channels: 64, input_size: 28, batch_size: 4, padding: same}
grid: {kernel_size: [1, 3], dtype: [float32, float16], memory_format: [contiguous, channels_last]}
"""


def test_every_row_for_cuda_passes_or_says_what_it_does_not_cover(command, tmp_path):
    (tmp_path / "sixteen.yaml").write_text(SIXTEEN)
    for source in sources.builtin_sources(ROOT):
        sources.load(source)
    rows = [e.name for e in registering.registered() if "cuda" in e.devices and not e.on_request]
    rows += ["compile", "cudnn_plan_0", "cudnn_tensor_core", "cudnn_workspace_0mib"]
    words = [word for name in rows for word in ("--impl", name)]
    said = command("run", "sixteen.yaml", *words, "--out", "r", *QUICK)

    assert said.code == 0, said.out
    results = read_results(tmp_path / "r")
    assert {result.status for result in results} <= {Status.PASSED, Status.UNSUPPORTED}
    passed = {result.implementation for result in results if result.status is Status.PASSED}
    assert {"torch", "cudnn", "cudnn_benchmark", "cudnn_deterministic", "cudnn_tf32"} <= passed
    assert {"native_cuda", "unfold", "fft", "winograd_2x2", "gemm_1x1"} <= passed
    assert any(result.ran for result in results if result.implementation == "cudnn")
    assert all(r.measured_workspace_bytes is not None for r in results if r.blocks)


def test_a_real_assertion_on_the_card_costs_its_own_cells_only(command, tiny, tmp_path):
    file = FAULTY / "asserts_on_gpu.py"
    words = ("--plugin", file, "--impl", "asserts_on_gpu", "--impl", "cudnn")
    assert command("run", tiny, *words, "--out", "r", *QUICK).code == 0

    found = {(r.scenario.id, r.implementation): r for r in read_results(tmp_path / "r")}
    for scenario in ("tiny/a", "tiny/b"):
        assert found[scenario, "asserts_on_gpu"].status is Status.CRASHED
        assert "CUDA error" in found[scenario, "asserts_on_gpu"].reason
        assert found[scenario, "cudnn"].status is found[scenario, "torch"].status is Status.PASSED


@pytest.mark.parametrize("cold", [False, True])
def test_a_replayed_graph_gives_what_the_call_gives(cold):
    weight = torch.randn(16, 8, 3, 3, device="cuda")

    def call(x):
        return torch.nn.functional.conv2d(x, weight)

    operands = [torch.randn(1, 8, 12, 12, device="cuda") for _ in range(5)]
    timer = CudaTimer(cold=cold)
    note = timer.settle(call, operands[0], 10e-6)
    outputs, seconds = timer(call, operands)

    assert "replay of a CUDA graph" in note
    assert seconds > 0
    for operand, output in zip(operands, outputs, strict=True):
        assert torch.allclose(output, call(operand), rtol=1e-3, atol=1e-4)


def test_a_run_says_which_card_and_driver_and_how_it_ran(command, tiny, tmp_path):
    pytest.importorskip("pynvml", reason="the extra gpu brings nvidia-ml-py")
    command("run", tiny, "--impl", "cudnn", "--out", "r", *QUICK)

    machine = json.loads((tmp_path / "r" / "manifest.json").read_text(encoding="utf-8"))["machine"]
    assert machine["gpu"] == torch.cuda.get_device_name(0)
    assert machine["gpu_driver"]
    blocks = [block for result in read_results(tmp_path / "r") for block in result.blocks]
    assert all(card.sm_clock_mhz and card.temperature_c for b in blocks for card in b.cards)
