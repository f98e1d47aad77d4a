"""Rows of one axis and of three where they divide large problems: tiles, chunks and blocks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from oracle import all_implementations

from impls._phases import plan as phases
from impls._sequence.plan import cheapest_tile, transform_of
from impls._transposed import pieces_of
from impls._winograd import volumes
from suite.problem import Problem

ROWS = {entry.name: entry for entry in all_implementations()}


def in_format(tensor: torch.Tensor, channels_last: bool) -> torch.Tensor:
    return tensor.movedim(1, -1).contiguous().movedim(-1, 1) if channels_last else tensor


def error_of(name: str, problem: Problem, channels_last: bool = False) -> float:
    """Return the relative error of a row against float64, bias included."""
    torch.manual_seed(0)
    x, weight = torch.randn(problem.input_shape), torch.randn(problem.weight_shape)
    bias = torch.randn(problem.out_channels)
    entry = ROWS[name].of_kind(problem.kind)
    assert entry.supports is None or entry.supports(problem) is None
    before, after = (problem.stride, problem.padding), (problem.dilation, problem.groups)
    if problem.is_transposed:
        after = problem.output_padding, problem.groups, problem.dilation
    arguments = *before, *after
    packed = entry.prepare(weight, problem)
    y = entry.function(in_format(x, channels_last), packed, bias, *arguments)
    exact = getattr(F, problem.kind)(x.double(), weight.double(), bias.double(), *arguments)
    assert y.shape == exact.shape
    return float((y - exact).norm() / exact.norm())


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(
    ("channels", "length", "taps", "padding"),
    [(3, 5000, 700, 699), (9, 2100, 65, 0), (2, 300, 300, 299), (1, 20_000, 3000, 17)],
)
def test_long_filters_over_several_tiles_and_steps_beyond_the_first_cache(
    channels, length, taps, padding, channels_last
):
    problem = Problem.of_call(
        (2, channels, length), (channels, 1, taps), padding=padding, groups=channels
    )
    assert error_of("fft_sequence", problem, channels_last) < 5e-7


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize(("channels", "length"), [(3, 40_000), (1100, 70)])
def test_short_filters_over_several_chunks(channels, length, channels_last):
    problem = Problem.of_call((2, channels, length), (channels, 1, 4), padding=3, groups=channels)
    assert error_of("depthwise_short", problem, channels_last) < 5e-7


@pytest.mark.parametrize("channels_last", [False, True])
def test_volumes_divided_into_runs_of_slices_and_of_rows(monkeypatch, channels_last):
    monkeypatch.setattr(volumes, "BAND_BYTES", 2**17)
    volumes.plan_for.cache_clear()
    problem = Problem.of_call((2, 5, 11, 30, 9), (7, 5, 3, 3, 3), padding=1)
    assert error_of("winograd_tile4", problem, channels_last) < 1e-6
    volumes.plan_for.cache_clear()


@pytest.mark.parametrize("channels_last", [False, True])
def test_phases_over_several_tiles_of_rows_and_columns_and_several_depths(
    monkeypatch, channels_last
):
    monkeypatch.setattr(phases, "ENOUGH_POSITIONS", (24, 24))
    monkeypatch.setattr(phases, "DEPTH", 5)
    phases.plan_for.cache_clear()
    problem = Problem.of_call(
        (2, 6, 9, 50),
        (6, 8, 3, 4),
        stride=(3, 2),
        padding=1,
        output_padding=(1, 0),
        dilation=(2, 1),
        groups=2,
        transposed=True,
    )
    plan, _ = phases.plan_for(problem, 4, 2)
    assert min(plan.row_blocks, plan.column_blocks) > 1
    assert error_of("phases_packed", problem, channels_last) < 1e-6
    phases.plan_for.cache_clear()


def test_a_tile_is_a_power_of_two_that_holds_the_filter_and_large_ones_serve_long_sequences():
    assert cheapest_tile(outputs=50, reach=15, lane_bytes=32) == 64
    assert cheapest_tile(outputs=8192, reach=8192, lane_bytes=32) == 16384
    for outputs, reach in ((1, 1), (1, 70), (10_000, 64), (100, 5000)):
        tile = cheapest_tile(outputs, reach, 32)
        assert tile >= reach
        assert tile & (tile - 1) == 0


@pytest.mark.parametrize("tile", [64, 128, 4096])
def test_the_roots_of_a_transform_are_each_taken_once(tile):
    *_, numbers = transform_of(tile)
    assert sorted(numbers) == list(range(tile // 2))


def test_phases_that_meet_the_same_inputs_are_one_convolution():
    doubling = Problem.of_call((1, 8, 5, 5), (8, 4, 2, 2), stride=2, transposed=True)
    (piece,) = pieces_of(doubling)
    assert piece.problem.kernel == (1, 1)
    assert piece.problem.out_channels == 4 * 4

    shifted = Problem.of_call((1, 8, 5, 5), (8, 4, 4, 4), stride=2, padding=1, transposed=True)
    assert len(pieces_of(shifted)) == 4
    (wide,) = pieces_of(shifted, widths=(1, 3, 5))
    assert wide.problem.kernel == (3, 3)
