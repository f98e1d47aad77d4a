"""A packed weight takes the calls that it was packed for, and refuses every other."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from oracle import draw, implementations, worst_ratio
from test_every_implementation import SHAPES, SLOW, covers

from impls._packing import Packed, Packing
from suite import Unsupported
from suite.problem import Problem

ENTRIES = implementations()
PACKING = [entry for entry in ENTRIES if entry.prepare and entry.name != "auto"]
RUNNABLE = [entry for entry in PACKING if not entry.why_unavailable()]
every = pytest.mark.parametrize(
    "entry",
    [
        pytest.param(entry, id=entry.name, marks=[pytest.mark.slow] * (entry.name in SLOW))
        for entry in RUNNABLE
    ],
)


def first_covered(entry) -> Problem:
    shape = next(s for s in SHAPES.values() if s.batch_size and covers(entry, s))
    return dataclasses.replace(shape, bias=True)


def packing_of(entry) -> Packing:
    """Return what a row packs with: where its `prepare` is none of it, the module's own."""
    packing = getattr(entry.prepare, "__self__", None)
    return packing or entry.prepare.__globals__["_packing"]


def arguments(shape: Problem) -> dict:
    return {
        "stride": shape.stride,
        "padding": shape.padding,
        "dilation": shape.dilation,
        "groups": shape.groups,
    }


OTHER_CALLS = {
    "a larger input": lambda x, b, a: (torch.nn.functional.pad(x, (0, 1, 0, 1)), b, a),
    "another image": lambda x, b, a: (torch.cat((x, x)), b, a),
    "a channel less": lambda x, b, a: (x[:, 1:], b, a),
    "another type": lambda x, b, a: (x.half(), None, a),
    "a short bias": lambda x, b, a: (x, b[1:], a),
    "a bias of one number for all": lambda x, b, a: (x, torch.ones(len(b) + 1), a),
    "a bias of another type": lambda x, b, a: (x, b.half(), a),
    "another stride": lambda x, b, a: (x, b, a | {"stride": (7, 7)}),
    "another padding": lambda x, b, a: (x, b, a | {"padding": (9, 9)}),
    "another dilation": lambda x, b, a: (x, b, a | {"dilation": 5}),
    "other groups": lambda x, b, a: (x, b, a | {"groups": a["groups"] + 1}),
}


@pytest.mark.parametrize("change", OTHER_CALLS.values(), ids=OTHER_CALLS.keys())
@every
def test_a_call_that_a_weight_was_not_packed_for_is_refused(entry, change):
    shape = first_covered(entry)
    x, weight, bias = draw(shape)
    packed = entry.prepare(weight, shape)
    x, bias, others = change(x, bias, arguments(shape))

    with pytest.raises(Unsupported, match=r"^packed for .*; got"):
        entry.function(x, packed, bias, **others)


@pytest.mark.slow
@every
def test_one_number_for_a_pair_is_the_same_call(entry):
    shape = next(
        shape
        for shape in SHAPES.values()
        if shape.batch_size and covers(entry, shape) and len(set(shape.padding)) == 1
        and len(set(shape.stride)) == 1
    )  # fmt: skip
    x, weight, bias = draw(shape)
    packed = entry.prepare(weight, shape)
    numbers = {name: pair[0] for name, pair in arguments(shape).items() if name != "groups"}
    output = entry.function(x, packed, bias, **numbers, groups=shape.groups)
    assert worst_ratio(entry, shape, output, x, weight, bias) <= 1


@every
def test_a_plain_weight_gives_what_the_packed_one_does_or_is_refused(entry):
    shape = first_covered(entry)
    x, weight, bias = draw(shape)
    if packing_of(entry).why_not_plain:
        with pytest.raises(Unsupported, match="needs its weight prepared: "):
            entry.function(x, weight, bias, **arguments(shape))
        return
    packed = entry.function(x, entry.prepare(weight, shape), bias, **arguments(shape))
    assert torch.equal(entry.function(x, weight, bias, **arguments(shape)), packed)


def test_a_weight_packed_by_another_row_is_refused():
    rows = {entry.name: entry for entry in RUNNABLE}
    shape = SHAPES["3×3 larger than a register block"]
    x, weight, _ = draw(shape)
    packed = rows["winograd_tile4"].prepare(weight, shape)

    with pytest.raises(Unsupported, match="packed for row winograd_tile4; got winograd_tile6"):
        rows["winograd_tile6"].function(x, packed, **arguments(shape))


def test_what_was_packed_for_so_many_threads_is_refused_by_others():
    packing = Packing("mine", lambda weight, problem: weight, keeps_threads=True)
    shape = SHAPES["1×1"]
    x, weight, _ = draw(shape)
    packed = packing.prepare(weight, shape)
    call = (None, *arguments(shape).values())
    assert packing.of_call(x, packed, *call) is packed
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        with pytest.raises(Unsupported, match=rf"threads {before}; got {before + 1}$"):
            packing.of_call(x, packed, *call)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("entry", PACKING, ids=lambda entry: entry.name)
def test_every_row_that_packs_does_it_by_the_protocol(entry):
    assert packing_of(entry).row == entry.name


@every
def test_prepare_returns_what_the_weight_was_packed_for(entry):
    shape = first_covered(entry)
    packed = entry.prepare(draw(shape)[1], shape)
    assert isinstance(packed, Packed)
    assert (packed.row, packed.problem, packed.dtype) == (entry.name, shape, torch.float32)
