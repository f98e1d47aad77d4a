"""What is noted of a cell besides its time: which kernel computed a 16-bit type."""

from __future__ import annotations

import contextlib
import dataclasses
from types import SimpleNamespace

import pytest

from suite.conditions import Scenario
from suite.measuring.evidence import Evidence
from suite.measuring.gates import gate
from suite.messages.judge import Judgement
from suite.messages.worker import Gated, OperatorsRan
from suite.registry.sources import Source
from suite.results.cell import Residuals
from suite.results.kernels import WhatRan
from tests.arms import arm
from tests.measuring.test_cell import TINY, opened_cell

BY_AMX = WhatRan(
    kernels=("convolution brgconv:avx512_core_amx",),
    algorithm="oneDNN brgconv:avx512_core_amx",
    layout_conversions=0,
)


def noted(family: str, dtype: str, device: str = "cpu", **ran) -> list[str]:
    declared = arm("row", family, Source("none")).declared
    evidence = Evidence(declared)
    scenario = Scenario(id="s", problem=TINY, dtype=dtype, device=device)
    operators = OperatorsRan(**{"names": (), "vendor": None, "ran": None, **ran})
    evidence.take_operators(operators, scenario, family)
    return evidence.notes


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_16_bit_row_says_which_kernel_served_it(dtype):
    assert noted("vendor", dtype, ran=BY_AMX) == ["ran oneDNN brgconv:avx512_core_amx"]
    assert noted("im2col", dtype, names=("view", "bmm")) == ["ran bmm"]
    slow = f"ran slow_conv_dilated2d, the slow way: none computes {dtype} here directly"
    assert noted("vendor", dtype, vendor="slow_conv_dilated2d") == [slow]


def test_nothing_is_noted_in_float32_nor_of_what_ran_no_kernel_of_torch_s():
    assert noted("vendor", "float32", vendor="slow_conv_dilated2d") == []
    assert noted("direct", "float16", names=("view", "copy_")) == []


def test_a_row_that_computes_through_torch_says_so_once():
    assert noted("direct", "bfloat16", vendor="thnn_conv2d") == [
        "computes through torch's own thnn_conv2d"
    ]


@pytest.mark.parametrize(("dtype", "told"), [("float32", 0), ("bfloat16", 1)])
def test_a_slow_16_bit_call_is_asked_for_its_kernel_too(
    settings, time_spent, monkeypatch, dtype, told
):
    """Of slow calls there is no second one, and a fallback is slow."""
    logged = []
    monkeypatch.setattr("suite.measuring.gates.LOGGED_CALL_S", -1.0)

    def replies(request):
        logged.append(request.log_operators)
        ran = OperatorsRan(names=(), vendor="thnn_conv2d", ran=None)
        return Gated(note="", operators=ran if request.log_operators else None)

    exact = Judgement(residuals=Residuals(rel_l2_error=0.0, worst_error_ratio=0.0))
    judge = SimpleNamespace(
        judges_elements=None,
        judging=lambda *_, **__: contextlib.nullcontext(SimpleNamespace(reply=exact)),
    )
    scenario = dataclasses.replace(Scenario(id="b/1", problem=TINY), dtype=dtype)
    cell = opened_cell(scenario, settings, time_spent, monkeypatch, replies)
    for kind in ("integer", "normal"):
        gate([cell], judge, kind)
    cell.close()
    assert sum(logged) == told
