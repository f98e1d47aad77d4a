"""Everything registered, over shapes that have broken convolutions before."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest
import torch
from oracle import (
    DTYPES,
    SLOW_IN_FLOAT64,
    call,
    draw,
    exact,
    implementations,
    worst_ratio,
)

from suite.conditions import Scenario
from suite.errors import Unsupported, UsageError
from suite.judge.tolerance import NORM_WISE_FAMILIES
from suite.problem import Problem
from tests.conftest import ROOT

torch.set_num_threads(2)


def problem(
    n, c, size, k, kernel, stride=1, padding=0, dilation=1, groups=1, bias=False
) -> Problem:
    def both(value):
        return value if isinstance(value, tuple) else (value, value)

    return Problem.of_call(
        (n, c, *both(size)),
        (k, c // groups, *both(kernel)),
        stride=both(stride),
        padding=both(padding),
        dilation=both(dilation),
        groups=groups,
        bias=bias,
    )


SHAPES = {
    "one number": problem(1, 1, 1, 1, 1),
    "no image at all": problem(0, 3, 7, 4, 3, padding=1, bias=True),
    "3×3 same": problem(2, 4, 8, 6, 3, padding=1),
    "3×3 valid, odd sizes, bias": problem(1, 5, (7, 11), 3, 3, bias=True),
    "3×3 groups": problem(2, 6, 9, 4, 3, padding=1, groups=2, bias=True),
    "3×3 many channels": problem(1, 37, 9, 21, 3, padding=1),
    "3×3 larger than a register block": problem(2, 64, 15, 48, 3, padding=1, bias=True),
    "3×3 padding beyond the kernel": problem(1, 2, 4, 3, 3, padding=5),
    "3×3 stride 2": problem(2, 4, 9, 6, 3, stride=2, padding=1, bias=True),
    "3×3 stride (2, 1), padding (0, 1)": problem(1, 3, (9, 8), 5, 3, (2, 1), (0, 1)),
    "3×3 dilation 2": problem(1, 4, 11, 5, 3, padding=2, dilation=2),
    "3×3 dilation (1, 3), stride 2": problem(1, 4, 11, 5, 3, 2, 2, (1, 3)),
    "3×3 on one pixel": problem(1, 3, 1, 2, 3, padding=1),
    "5×5 on one pixel, padded widely": problem(1, 5, 1, 7, 5, padding=4),
    "3×3 on one row": problem(1, 3, (1, 19), 2, 3, padding=1),
    "3×3 wide row": problem(1, 2, (3, 70), 2, 3, padding=1),
    "3×3 enough rows for every thread": problem(1, 5, (70, 9), 7, 3, padding=1, bias=True),
    "1×1": problem(2, 8, 6, 5, 1, bias=True),
    "1×1 on one pixel": problem(3, 16, 1, 8, 1, bias=True),
    "1×1 on one pixel of one image": problem(1, 37, 1, 150, 1, bias=True),
    "1×1 padded": problem(1, 3, 4, 2, 1, padding=2, bias=True),
    "1×1 stride 2": problem(2, 6, 7, 4, 1, stride=2),
    "1×1 on planes of 4 KiB": problem(2, 6, 32, 5, 1, stride=2, bias=True),
    "1×1 stride 3, groups": problem(1, 6, 7, 4, 1, stride=3, groups=2),
    "patches, kernel = stride": problem(2, 3, 12, 10, 4, stride=4, bias=True),
    "patches with a remainder": problem(1, 3, 14, 5, 4, stride=4),
    "stride beyond the kernel": problem(1, 3, 11, 4, 2, stride=4),
    "5×5": problem(1, 4, 9, 3, 5, padding=2, bias=True),
    "5×5 groups": problem(1, 4, 10, 6, 5, padding=2, groups=2),
    "7×7 stride 2": problem(1, 3, 17, 8, 7, stride=2, padding=3),
    "1×7": problem(1, 4, 10, 5, (1, 7), padding=(0, 3), bias=True),
    "7×1": problem(2, 4, 10, 5, (7, 1), padding=(3, 0)),
    "1×3": problem(1, 4, 9, 5, (1, 3), padding=(0, 1)),
    "3×1": problem(1, 4, 9, 5, (3, 1), padding=(1, 0)),
    "2×2 even kernel": problem(1, 3, 7, 4, 2, padding=1),
    "4×4 even kernel": problem(1, 3, 9, 2, 4, padding=2),
    "11×11": problem(1, 2, 14, 3, 11, padding=5),
    "31×31 on a small plane": problem(1, 2, 20, 2, 31, padding=15),
    "kernel as large as the plane": problem(1, 3, 6, 2, 6),
    "kernel as large as the plane, padded": problem(1, 3, 3, 5, 3, stride=4, padding=1),
    "depthwise 3×3": problem(2, 8, 10, 8, 3, padding=1, groups=8, bias=True),
    "depthwise 3×3 stride 2": problem(1, 7, (13, 9), 7, 3, stride=2, padding=1, groups=7),
    "depthwise 5×5 wide": problem(1, 3, (6, 80), 3, 5, padding=2, groups=3),
    "depthwise 7×7": problem(1, 12, 7, 12, 7, padding=3, groups=12, bias=True),
    "depthwise dilated": problem(1, 6, 12, 6, 3, padding=2, dilation=2, groups=6),
    "depthwise with a multiplier": problem(1, 4, 8, 12, 3, padding=1, groups=4),
    "depthwise 1×9": problem(1, 4, 10, 4, (1, 9), padding=(0, 4), groups=4),
    "grouped, 8 channels a group": problem(1, 32, 9, 32, 3, padding=1, groups=4, bias=True),
    "grouped, stride 2": problem(1, 16, 9, 24, 3, stride=2, padding=1, groups=2),
    "first layer": problem(1, 3, (21, 20), 16, 3, stride=2, padding=1, bias=True),
}
ENTRIES = implementations()


def covers(entry, shape: Problem, dtype: str = "float32") -> bool:
    return not entry.why_unsupported(Scenario(id="test", problem=shape, dtype=dtype))


# torch.compile takes about 10 s for each shape.
SLOW = ("compile",)
# The same lines compute in both types: where one fails on a shape, a third of them tell.
IN_FLOAT64 = list(SHAPES.values())[::3]


def marked(entry, *values, id: str):
    is_slow = entry.name in SLOW
    if "float64" in values:
        is_slow = is_slow or entry.name in SLOW_IN_FLOAT64 or values[0] not in IN_FLOAT64
    return pytest.param(entry, *values, id=id, marks=[pytest.mark.slow] * is_slow)


RUNNABLE = [marked(entry, id=entry.name) for entry in ENTRIES if not entry.why_unavailable()]
CELLS = [
    marked(entry, shape, dtype, id=f"{entry.name}, {name}, {dtype}")
    for entry in ENTRIES
    for name, shape in SHAPES.items()
    for dtype in DTYPES
    if covers(entry, shape, dtype)
]


def ratio_of(entry, shape: Problem, input, weight, bias) -> float:
    output = call(entry, shape, input, weight, bias)
    return worst_ratio(entry, shape, output, input, weight, bias)


@pytest.mark.parametrize(("entry", "shape", "dtype"), CELLS)
def test_stays_within_the_error_of_its_family(entry, shape, dtype):
    assert ratio_of(entry, shape, *draw(shape, DTYPES[dtype])) <= 1


@pytest.mark.parametrize("kernel", [3, 5])
def test_transforms_of_a_plane_smaller_than_the_kernel_pass_whatever_is_drawn(kernel):
    """One pixel in a tile is a spike; a bound from what it meets directly blamed 1 draw in 100."""
    shape = problem(1, 5, 1, 7, kernel, padding=kernel - 1)
    for entry in ENTRIES:
        if entry.family in NORM_WISE_FAMILIES and covers(entry, shape):
            operands = [draw(shape, seed=seed) for seed in range(100)]
            assert max(ratio_of(entry, shape, *drawn) for drawn in operands) <= 1, entry.name


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_wrong_tap_over_a_plane_smaller_than_the_kernel_is_noticed(kernel):
    shape = problem(1, 5, 1, 7, kernel, padding=kernel - 1)
    entry = next(entry for entry in ENTRIES if entry.name == "winograd_tile6")
    input, weight, bias = draw(shape)
    spoilt = weight.clone()
    spoilt[3, 2, 0, 1] *= 1.01
    output = call(entry, shape, input, spoilt, bias)
    assert worst_ratio(entry, shape, output, input, weight, bias) > 1


LAYOUTS = {
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "rows and columns swapped": lambda x: x.transpose(2, 3).contiguous().transpose(2, 3),
    "every second column of a wider tensor": lambda x: x.repeat_interleave(2, dim=3)[..., ::2],
    "the first entry expanded": lambda x: x[:1].expand(x.shape),
}


def first_covered(entry) -> Problem:
    """Return a shape with two images, or failing that the first one that is covered."""
    covered = [shape for shape in SHAPES.values() if covers(entry, shape)]
    return next((shape for shape in covered if shape.batch_size == 2), covered[0])


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("entry", RUNNABLE)
def test_reads_inputs_and_weights_of_any_strides(entry, layout):
    shape = first_covered(entry)
    input, weight, bias = draw(shape)
    assert ratio_of(entry, shape, layout(input), layout(weight), bias) <= 1


@pytest.mark.parametrize("name", ["loops_numba", "loops_parallel", "loops_taps"])
def test_an_input_in_both_formats_is_read_though_torch_pads_it_into_channels_last(name):
    entry = next(row for row in implementations() if row.name == name)
    shape = Problem.of_call((2, 5, 1, 1), (4, 5, 3, 3), padding=(1, 1))
    input, weight, bias = draw(shape)
    one_pixel = input.as_strided(input.shape, (5, 1, 5, 5))
    assert one_pixel.is_contiguous()
    assert ratio_of(entry, shape, one_pixel, weight, bias) <= 1


@pytest.mark.parametrize("entry", RUNNABLE)
def test_leaves_its_arguments_alone(entry):
    shape = first_covered(entry)
    shape = dataclasses.replace(shape, bias=True)
    input, weight, bias = draw(shape)
    before = input.clone(), weight.clone(), bias.clone()
    call(entry, shape, input, weight, bias)
    for now, then in zip((input, weight, bias), before, strict=True):
        assert torch.equal(now, then)


@pytest.mark.parametrize("entry", RUNNABLE)
def test_takes_numbers_for_pairs_and_no_options_at_all(entry):
    shapes = (
        problem(1, 16, 8, 16, 3, padding=1),
        problem(1, 32, 8, 16, 3, padding=1),
        problem(1, 16, 8, 16, 1),
        problem(1, 16, 8, 16, 3, padding=1, groups=16),
        problem(1, 16, 1, 16, 1),
    )
    shape = next(shape for shape in shapes if covers(entry, shape))
    input, weight, bias = draw(shape)
    prepared = entry.prepare(weight, shape) if entry.prepare else weight
    output = entry.function(input, prepared, padding=shape.pad_top, groups=shape.groups)
    assert worst_ratio(entry, shape, output, input, weight, bias) <= 1


OWN = [
    marked(entry, id=entry.name)
    for entry in ENTRIES
    if entry.family not in ("vendor", "engine") and not entry.why_unavailable()
]


@pytest.mark.parametrize("entry", OWN)
@pytest.mark.parametrize(
    "wrong", [-1, 1, None], ids=["one too few", "one too many", "a single one"]
)
def test_a_bias_of_another_length_is_refused(entry, wrong):
    """One number would be added to every channel, and compiled code reads past the end of few."""
    shape = dataclasses.replace(first_covered(entry), bias=True)
    input, weight, _ = draw(shape)
    length = 1 if wrong is None else shape.out_channels + wrong
    if length == shape.out_channels:
        length += 1

    with pytest.raises((UsageError, Unsupported)):
        entry.function(
            input,
            weight,
            torch.zeros(length),
            shape.stride,
            shape.padding,
            shape.dilation,
            shape.groups,
        )


PREPARED = [
    marked(entry, id=entry.name)
    for entry in ENTRIES
    if entry.prepare and not entry.why_unavailable() and entry.family != "engine"
]


@pytest.fixture
def two_threads_again():
    yield
    torch.set_num_threads(2)


@pytest.mark.parametrize("entry", PREPARED)
def test_weights_prepared_for_two_threads_serve_one(entry, two_threads_again):
    """Buffers for a thread's share are larger where there are fewer threads."""
    shapes = (
        problem(1, 8, (150, 70), 16, 3, padding=1, bias=True),
        problem(1, 32, (150, 70), 16, 3, padding=1, bias=True),
        problem(1, 16, 8, 16, 1),
        problem(1, 16, 40, 16, 3, padding=1, groups=16),
        problem(1, 16, 1, 16, 1),
    )
    shape = next(shape for shape in shapes if covers(entry, shape))
    input, weight, bias = draw(shape)
    prepared = entry.prepare(weight, shape)
    arguments = bias, shape.stride, shape.padding, shape.dilation, shape.groups
    entry.function(input, prepared, *arguments)
    torch.set_num_threads(1)
    output = entry.function(input, prepared, *arguments)
    assert worst_ratio(entry, shape, output, input, weight, bias) <= 1


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_documents_itself_its_memory_and_its_work(entry):
    assert len(entry.summary) > 20
    if entry.family in ("vendor", "engine", "auto"):  # auto's are those of what it chooses
        return
    assert entry.workspace_bytes is not None
    assert entry.executed_flops is not None
    for shape in SHAPES.values():
        if covers(entry, shape):
            assert entry.workspace_bytes(shape, 4) >= 0
            assert entry.executed_flops(shape) >= 0


def test_an_absent_engine_says_what_to_do():
    for entry in ENTRIES:
        if reason := entry.why_unavailable():
            assert len(reason) > 20


def test_the_bound_catches_a_wrong_tap():
    shape = SHAPES["3×3 many channels"]
    entry = next(entry for entry in ENTRIES if entry.name == "unfold")
    input, weight, bias = draw(shape)
    wrong = weight.clone()
    wrong[3, 5, 1, 1] *= 1.01
    output = exact(shape, input, wrong, bias).float()
    assert worst_ratio(entry, shape, output, input, weight, bias) > 1


COMPILED_FIRST = """\
import torch
torch.set_num_threads(1)
from impls._numba import use_torch_threads
assert use_torch_threads() == 1
print(torch.get_num_threads())
"""


def test_the_first_use_of_numbas_threads_leaves_torch_its_own_number():
    completed = subprocess.run(
        [sys.executable, "-c", COMPILED_FIRST],
        cwd=ROOT,
        env={**os.environ, "NUMBA_NUM_THREADS": "2", "NUMBA_THREADING_LAYER": "omp"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert completed.stdout == "1\n"
