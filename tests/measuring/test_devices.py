"""Which GPU a run is for: arguments, scenarios and facts."""

from __future__ import annotations

import dataclasses

import pytest

from suite.errors import UsageError
from suite.measuring import selection
from suite.results.cell import Block, CellResult, Status
from tests.torch_facts import NO_GPU

TWO = dataclasses.replace(NO_GPU, gpu="H200", gpus=("H200", "L4"))


def test_a_second_gpu_is_reached_by_its_number(scenario):
    (moved,) = selection.on_device([scenario], "cuda:1", TWO, asked_by="--device")

    assert moved.device == "cuda:1"
    assert moved.on_cuda
    assert selection.facts_on([moved], TWO).gpu == "L4"
    assert selection.facts_on([scenario], TWO).gpu == "H200"


def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(scenario):
    with pytest.raises(UsageError, match="no such GPU here; there are: cuda:0 H200, cuda:1 L4"):
        selection.on_device([scenario], "cuda:2", TWO, asked_by="--device")


@pytest.mark.parametrize("device", ["cuda:x", "cuda:", "gpu", "cpu:1", "cuda:-1"])
def test_what_is_no_device_is_refused(scenario, device):
    with pytest.raises(UsageError, match="is unknown; accepted: cpu, cuda, cuda:1, auto"):
        selection.on_device([scenario], device, TWO, asked_by="--device")


def test_without_a_gpu_auto_is_the_cpu_and_cuda_says_what_is_missing(scenario):
    assert selection.on_device([scenario], "auto", NO_GPU, asked_by="--device")[0].device == "cpu"
    with pytest.raises(UsageError, match="sees no CUDA GPU here"):
        selection.on_device([scenario], "cuda", NO_GPU, asked_by="--device")


def test_a_card_s_state_and_the_kernels_survive_the_run_file(scenario):
    from suite.results.card_state import CardState
    from suite.results.kernels import WhatRan

    card = CardState(sm_clock_mhz=1980, temperature_c=40, reasons=("power cap",))
    result = CellResult(
        scenario=scenario,
        implementation="cudnn",
        family="vendor",
        status=Status.PASSED,
        blocks=(Block(samples_s=(1e-3,), calls_per_sample=1, seed="0", cards=(card,)),),
        ran=WhatRan(kernels=("k",), algorithm="fft", layout_conversions=2),
        joules_per_call=0.5,
        measured_workspace_bytes=1024,
    )

    assert CellResult.from_dict(result.to_dict()) == result


def test_a_record_from_before_there_were_gpus_still_reads(scenario):
    result = CellResult(
        scenario=scenario,
        implementation="torch",
        family="vendor",
        status=Status.PASSED,
        blocks=(Block(samples_s=(1e-3,), calls_per_sample=1, seed="0"),),
    )
    record = result.to_dict()
    for name in ("ran", "joules_per_call", "measured_workspace_bytes"):
        del record[name]
    del record["blocks"][0]["cards"]

    assert CellResult.from_dict(record) == result


def test_gradients_are_checked_on_the_scenario_s_device(scenario, monkeypatch):
    from suite.messages.worker import Gradcheck, GradientsChecked
    from suite.registry import sources
    from suite.worker import process

    seen = []

    def fault(implementation, problem, x, weight, bias):
        seen.extend(tensor.device.type for tensor in (x, weight))

    monkeypatch.setattr(process, "gradient_fault", fault)
    checking = process.Worker(sources.Source("none"), "torch", 1)
    checking._implementation = None
    checking._scenario = dataclasses.replace(scenario)
    # Neither a machine with a GPU nor memory is needed; no file and no command may name it.
    object.__setattr__(checking._scenario, "device", "meta")

    assert checking.gradcheck(Gradcheck()) == GradientsChecked(fault=None)
    assert seen == ["meta", "meta"]
