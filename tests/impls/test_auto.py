"""`auto` picks what the table promises, nothing unavailable, uncovered or too inexact."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import types
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from oracle import call, draw, implementations, worst_ratio

from impls import auto
from suite import Unsupported
from suite.conditions import Scenario
from suite.own_imports import own_name
from suite.problem import Problem
from suite.registry import registering
from suite.tuning import candidates, store
from suite.tuning.advice import _find, _selector_for

ENTRIES = {entry.name: entry for entry in implementations()}
AUTO = ENTRIES["auto"]
CHANNELS = (4, 8, 16, 32, 64, 128)
STUB = "stub_module"


def layer(c: int) -> Problem:
    return Problem.of_call((1, c, 9, 9), (c, c, 3, 3), padding=(1, 1))


@pytest.fixture(autouse=True)
def table(tmp_path, monkeypatch):
    """Return a function that makes this machine's table promise speed-ups to rows."""
    monkeypatch.setenv("CONVGAUGE_TUNING", str(tmp_path))

    def forget():
        _find.cache_clear()
        _selector_for.cache_clear()
        candidates.candidates.cache_clear()

    def promise(
        speedups: dict[str, float],
        memory_format: str = "contiguous",
        shapes: Callable[[int], Problem] = layer,
        dtype: str = "float32",
    ) -> None:
        facts = store.machine_facts(torch.__version__)
        conditions = store.Conditions(dtype, memory_format, torch.get_num_threads())
        trials = [
            store.Trial(
                shapes(c),
                conditions,
                tuple(
                    store.Measured(store.Row(name, module_of(name)), math.log(value), 0.01)
                    for name, value in speedups.items()
                ),
            )
            for c in CHANNELS
        ]
        fingerprint = store.fingerprint_of(facts)
        path = store.table_path(fingerprint)
        before = store.read_table(path).trials if path.exists() else ()
        store.write_table(
            store.TuningTable(fingerprint, facts, "today", (*before, *trials), {}), path
        )
        forget()

    forget()
    yield promise
    forget()


def module_of(name: str) -> str:
    entry = ENTRIES.get(name)
    return STUB if entry is None else f"impls.{entry.source.rpartition('/')[2].removesuffix('.py')}"


@pytest.fixture
def stub(monkeypatch):
    """Register rows for one test; each time, returns the list of all calls to any of them."""
    calls: list[str] = []

    def add(name: str, **declared):
        def convolve(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
            calls.append(name)
            if not isinstance(weight, torch.Tensor):
                weight = weight[0]
            return F.conv2d(input, weight, bias, stride, padding, dilation, groups)

        monkeypatch.setattr(registering, "_registered", dict(registering._registered))
        registering.register(name, **{"family": "direct", **declared})(convolve)
        monkeypatch.setitem(sys.modules, own_name(STUB), types.ModuleType(STUB))
        return calls

    return add


def run(shape: Problem, **layout) -> torch.Tensor:
    input, weight, bias = draw(shape)
    if layout:
        input, weight = input.contiguous(**layout), weight.contiguous(**layout)
    return call(AUTO, shape, input, weight, bias)


def note_of(shape: Problem) -> str:
    return AUTO.prepare(draw(shape)[1], shape).note


def test_picks_what_the_table_promises(table):
    table({"unfold": 2.0, "kn2row": 1.3})
    assert note_of(layer(24)).startswith("chose unfold, by the table of today")


def test_calls_what_it_picked(table, stub):
    calls = stub("mine")
    table({"mine": 2.0})
    run(layer(24))
    assert calls == ["mine"]


def test_packs_the_weight_as_the_picked_row_wants_it(table, stub):
    calls = stub("packer", prepare=lambda weight, problem: (weight, problem))
    table({"packer": 2.0})
    run(layer(24))
    assert calls == ["packer"]


def test_a_row_that_does_not_cover_the_problem_is_passed_over(table, stub):
    stub("picky", supports=lambda problem: "needs a full moon")
    table({"picky": 3.0, "unfold": 2.0})
    assert note_of(layer(24)).startswith("chose unfold")


def test_a_row_that_is_not_available_is_passed_over(table, stub):
    stub("absent", available=lambda: "not installed")
    table({"absent": 3.0, "unfold": 2.0})
    assert note_of(layer(24)).startswith("chose unfold")


def test_a_row_that_is_gone_is_passed_over(table):
    table({"was_here_once": 3.0, "unfold": 2.0})
    assert note_of(layer(24)).startswith("chose unfold")


def test_a_row_that_refuses_while_packing_is_passed_over(table, stub):
    def refuse(weight, problem):
        raise Unsupported("not this weight")

    stub("refuser", prepare=refuse)
    table({"refuser": 3.0, "unfold": 2.0})
    assert note_of(layer(24)).startswith("chose unfold")


@pytest.mark.parametrize(
    "declared",
    [
        {"family": "winograd", "error_factor": 8},
        {"precision": "bfloat16"},
        {"dtypes": ("float64",)},
        {"devices": ("cuda",)},
    ],
    ids=str,
)
def test_a_row_less_exact_or_made_for_something_else_is_never_picked(table, stub, declared):
    calls = stub("other", **declared)
    table({"other": 5.0})
    run(layer(24))
    assert calls == []


def test_everything_it_may_pick_is_held_to_no_looser_bound_than_it_declares():
    scenario_of = Scenario(id="t", problem=layer(64))
    for entry in ENTRIES.values():
        if candidates.may_compute(entry, scenario_of):
            assert entry.error_factor <= AUTO.error_factor


def test_each_memory_format_gets_its_own_choice(table, stub):
    calls = stub("rows")
    stub("columns")
    table({"rows": 2.0, "columns": 1.2})
    table({"rows": 0.8, "columns": 2.0}, memory_format="channels_last")
    run(layer(24))
    run(layer(24), memory_format=torch.channels_last)
    assert calls == ["rows", "columns"]


def test_a_weight_in_both_formats_is_packed_for_both_and_the_input_decides(table, stub):
    calls = stub("rows")
    stub("columns")

    def depthwise(c: int) -> Problem:
        return Problem.of_call((1, c, 9, 9), (c, 1, 3, 3), padding=(1, 1), groups=c)

    table({"rows": 2.0}, shapes=depthwise)
    table({"columns": 2.0}, memory_format="channels_last", shapes=depthwise)
    shape = depthwise(24)
    input, weight, _ = draw(shape)
    packed = AUTO.prepare(weight, shape)
    assert "in channels_last columns" in packed.note
    for x in (input, input.contiguous(memory_format=torch.channels_last)):
        AUTO.function(x, packed, padding=1, groups=24)
    assert calls == ["rows", "columns"]


def test_another_input_than_it_was_packed_for_still_comes_out_right(table):
    table({"winograd_tile6": 2.0})
    shape, other = layer(32), Problem.of_call((1, 32, 12, 7), (32, 32, 3, 3), padding=(1, 1))
    (_, weight, _), (input, _, _) = draw(shape), draw(other)
    packed = AUTO.prepare(weight, shape)
    assert packed.note.startswith("chose winograd_tile6")
    output = AUTO.function(input, packed, None, (1, 1), (1, 1), (1, 1), 1)
    assert worst_ratio(AUTO, other, output, input, weight, None) <= 1


def test_gradients_go_through_torch_whatever_was_picked(table):
    table({"winograd_tile6": 2.0})
    shape = layer(32)
    input, weight, _ = draw(shape)
    weight.requires_grad_()
    packed = AUTO.prepare(weight, shape)
    y = AUTO.function(input.requires_grad_(), packed, None, (1, 1), (1, 1), (1, 1), 1)
    mine = torch.autograd.grad(y.sum(), (input, weight))
    expected = torch.autograd.grad(F.conv2d(input, weight, padding=1).sum(), (input, weight))
    for a, b in zip(mine, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_float64_is_chosen_for_apart(table, stub):
    calls = stub("mine")
    table({"mine": 2.0})
    shape = layer(24)
    input, weight, bias = draw(shape, torch.float64)
    output = call(AUTO, shape, input, weight, bias)
    assert calls == []
    assert worst_ratio(AUTO, shape, output, input, weight, bias) <= 1


SIXTEEN = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])


def in_type(shape: Problem, dtype: torch.dtype):
    input, weight, _ = draw(shape)
    return input.to(dtype), weight.to(dtype)


@pytest.fixture
def fast_in_16_bits(monkeypatch):
    """Return a function that says whether torch has kernels for 16-bit types here."""

    def say(is_fast: bool) -> None:
        monkeypatch.setattr(auto, "lacks_instructions", lambda dtype: not is_fast)

    return say


@SIXTEEN
def test_16_bits_are_torch_s_where_it_has_instructions_and_nothing_was_measured(
    table, fast_in_16_bits, dtype
):
    fast_in_16_bits(True)
    table({"unfold": 2.0})
    shape = layer(64)
    input, weight = in_type(shape, dtype)
    packed = AUTO.prepare(weight, shape)
    assert packed.note.startswith("chose torch, by the built-in model (nothing was tuned for ")
    for given in (packed, weight):
        y = AUTO.function(input, given, padding=1)
        torch.testing.assert_close(y, F.conv2d(input, weight, padding=1))


@SIXTEEN
def test_where_torch_falls_back_in_16_bits_a_row_in_float32_is_taken(table, fast_in_16_bits, dtype):
    fast_in_16_bits(False)
    shape = layer(128)
    input, weight = in_type(shape, dtype)
    packed = AUTO.prepare(weight, shape)
    assert packed.note.startswith("chose onednn_prepacked, by the built-in model")
    y = AUTO.function(input, packed, padding=1)
    assert y.dtype is dtype
    assert worst_ratio(AUTO, shape, y, input, weight, None) <= 1


def test_gradients_in_16_bits_are_torch_s(table, fast_in_16_bits):
    fast_in_16_bits(False)
    shape = layer(128)
    input, weight = in_type(shape, torch.bfloat16)
    packed = AUTO.prepare(weight, shape)
    with torch.enable_grad():
        AUTO.function(input.requires_grad_(), packed, padding=1).float().sum().backward()
    assert input.grad is not None


def test_what_was_measured_in_16_bits_is_chosen_in_16_bits_alone(table, fast_in_16_bits):
    fast_in_16_bits(True)
    table({"direct_packed": 3.0}, dtype="bfloat16")
    shape = layer(24)
    notes = {
        dtype: AUTO.prepare(in_type(shape, dtype)[1], shape).note
        for dtype in (torch.bfloat16, torch.float16)
    }
    assert notes[torch.bfloat16].startswith("chose direct_packed, by the table of today")
    assert notes[torch.float16].startswith("chose torch, by the built-in model")


def test_torch_is_asked_whether_it_has_instructions_on_x86_alone(monkeypatch):
    for machine, expected in (("x86_64", True), ("arm64", False)):
        auto.lacks_instructions.cache_clear()
        monkeypatch.setattr(auto.platform, "machine", lambda machine=machine: machine)
        asked = SimpleNamespace(_is_mkldnn_bf16_supported=lambda: False)
        monkeypatch.setattr(torch.ops, "mkldnn", asked, raising=False)
        assert auto.lacks_instructions(torch.bfloat16) is expected
        assert not auto.lacks_instructions(torch.float32)
        assert not auto.lacks_instructions(torch.float16)  # a torch that cannot be asked
    auto.lacks_instructions.cache_clear()


def test_a_plain_weight_gets_the_fastest_row_that_needs_no_packing(table, stub):
    calls = stub("packer", prepare=lambda weight, problem: (weight, problem))
    stub("plain")
    table({"packer": 3.0, "plain": 2.0})
    input, weight, _ = draw(layer(24))
    AUTO.function(input, weight, padding=1)
    assert calls == ["plain"]


def test_a_number_of_threads_that_was_not_tuned_falls_back_to_the_built_in_model(table, stub):
    calls = stub("mine")
    table({"mine": 2.0})
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        assert "nothing was tuned for" in note_of(layer(24))
    finally:
        torch.set_num_threads(before)
    assert calls == []


def test_without_any_table_it_computes_all_the_same():
    shape = layer(24)
    input, weight, bias = draw(shape)
    output = call(AUTO, shape, input, weight, bias)
    assert worst_ratio(AUTO, shape, output, input, weight, bias) <= 1


def test_choosing_loads_no_module_but_the_chosen_row_s(tmp_path):
    script = """
import sys, math, torch
from suite.tuning import store as tables
from suite.conditions import Scenario
from suite.own_imports import own_name
from suite.problem import Problem
facts = tables.machine_facts(torch.__version__)
def layer(c): return Problem.of_call((1, c, 9, 9), (c, c, 3, 3), padding=(1, 1))
trials = tuple(
    tables.Trial(layer(c), tables.Conditions("float32", "contiguous", torch.get_num_threads()),
                 (tables.Measured(tables.Row("kn2row", "impls.gemm"), math.log(2), 0.01),))
    for c in (4, 8, 16, 32))
fingerprint = tables.fingerprint_of(facts)
table = tables.TuningTable(fingerprint, facts, "", trials, {})
tables.write_table(table, tables.table_path(fingerprint))
import impls.auto
packed = impls.auto.auto.__globals__["_pack"](torch.randn(8, 8, 3, 3), layer(8))
assert packed.note.startswith("chose kn2row"), packed.note
print(sorted(m for m in sys.modules if m.startswith("impls.") and not m.startswith("impls._")))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=candidates.TREE,
        env={**os.environ, "CONVGAUGE_TUNING": str(tmp_path / "own")},
    )
    assert done.stdout.strip() == "['impls.auto', 'impls.gemm']"
