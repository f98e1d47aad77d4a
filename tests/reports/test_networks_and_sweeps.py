"""Totals weighted by occurrences, crossover maps, and series with growth known beforehand."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports.matrix import Matrix
from reports.networks import BEST_MIX, networks
from reports.series import Series
from reports.sweeps import MOST_SERIES, crossover, scalings
from suite.conditions import Scenario
from suite.results.cell import Block, Status
from suite.results.folder import Run
from tests.reports.synthetic import cell, large_run, problem, small_run


def exact(scenario: Scenario, name: str, time_s: float):
    """Return a passed cell whose every sample is `time_s`."""
    passed = cell(scenario, name, draw=random.Random(1))
    blocks = tuple(
        Block(samples_s=(time_s,), calls_per_sample=1, seed=str(number)) for number in range(3)
    )
    return dataclasses.replace(passed, blocks=blocks)


def layer(name: str, occurrences: int = 1, **sizes: int) -> Scenario:
    shape = problem(**{"in_channels": 8, "out_channels": 8, "kernel": 3, "size": 14, **sizes})
    return Scenario(id=name, problem=shape, source="net", occurrences=occurrences)


def grid_of(*results: object) -> Matrix:
    return Matrix.of(Run(Path(), {}, tuple(results)))  # type: ignore[arg-type]


def test_a_networks_time_is_the_sum_weighted_by_occurrences() -> None:
    a, b = layer("a", occurrences=3), layer("b")
    matrix = grid_of(
        exact(a, "torch", 1.0), exact(b, "torch", 10.0), exact(a, "fft", 2.0), exact(b, "fft", 4.0)
    )
    (network,) = networks(matrix)
    totals = {total.name: total.time_s for total in network.totals}
    assert totals == pytest.approx({"torch": 13.0, "fft": 10.0, BEST_MIX: 7.0})
    assert network.mix == {"torch": 1, "fft": 1}
    assert (network.layers, network.calls) == (2, 4)


def test_a_layer_that_did_not_pass_leaves_no_total_but_one_with_the_reference() -> None:
    a, b = layer("a", occurrences=2), layer("b")
    failed = cell(b, "fft", draw=random.Random(1), planted=(Status.CRASHED, "boom"))
    matrix = grid_of(exact(a, "torch", 1.0), exact(b, "torch", 10.0), exact(a, "fft", 0.5), failed)
    total = next(total for total in networks(matrix)[0].totals if total.name == "fft")
    assert total.time_s is None
    assert total.filled_s == pytest.approx(11.0)
    assert total.passed_layers == 1


def spread_out(scenario: Scenario, name: str, time_s: float) -> Any:
    """Return a passed cell whose blocks differ by a factor of four."""
    cell_of_one = exact(scenario, name, time_s)
    blocks = tuple(
        dataclasses.replace(block, samples_s=(time_s * factor,))
        for block, factor in zip(cell_of_one.blocks, (0.5, 1.0, 2.0), strict=True)
    )
    return dataclasses.replace(cell_of_one, blocks=blocks)


def test_the_best_mix_leaves_the_reference_only_for_who_is_faster_beyond_its_interval() -> None:
    a, b = layer("a", occurrences=2), layer("b")
    matrix = grid_of(
        exact(a, "torch", 1.0),
        exact(b, "torch", 1.0),
        spread_out(a, "fft", 0.9),  # least by chance
        exact(b, "fft", 0.5),
    )
    (network,) = networks(matrix)
    assert network.mix == {"torch": 1, "fft": 1}
    assert network.totals[-1].time_s == pytest.approx(2.5)


def test_the_axis_of_totals_holds_what_is_alike_and_cuts_what_is_many_times_slower() -> None:
    a = layer("a", occurrences=2)
    alike = [exact(a, "torch", 1.0), exact(a, "fft", 1.9)]
    assert networks(grid_of(*alike))[0].axis_s == pytest.approx(3.8)
    (network,) = networks(grid_of(*alike, exact(a, "loops", 900.0)))
    assert 3.8 < network.axis_s < 8.0


def test_a_file_in_which_nothing_occurs_twice_is_no_network() -> None:
    assert networks(grid_of(exact(layer("a"), "torch", 1.0))) == []


KERNELS = (1, 3, 5, 7, 9, 11, 15)


def kernel_sweep(**times_s: Callable[[int], float]) -> Matrix:
    """Return a matrix of implementations whose time at a kernel size is known."""
    return grid_of(
        *(
            exact(padded(kernel), name, time_s(kernel))
            for kernel in KERNELS
            for name, time_s in times_s.items()
        )
    )


def padded(kernel: int) -> Scenario:
    half = kernel // 2
    shape = problem(in_channels=8, out_channels=8, kernel=kernel, size=28)
    pads = dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), half)
    return Scenario(id=f"k{kernel}", problem=dataclasses.replace(shape, **pads), source="net")


def series(matrix: Matrix, axis: str = "kernel size", **options: Any) -> Series:
    (scaling,) = [s for s in scalings(matrix, "net", **options) if s.axis == axis]
    (one_series,) = scaling.series
    return one_series


def test_the_power_of_the_work_is_reported_for_each_implementation() -> None:
    sweep = series(kernel_sweep(torch=lambda k: 1e-4 * k**2, fft=lambda k: 5e-3))
    assert sweep.scenarios == tuple(f"k{kernel}" for kernel in KERNELS)
    powers = {growth.implementation: growth for growth in sweep.growths}
    assert powers["torch"].power == pytest.approx(1.0)
    assert powers["fft"].power == pytest.approx(0.0, abs=1e-9)
    assert powers["torch"].low == pytest.approx(1.0)
    assert powers["torch"].points == len(KERNELS)


def test_a_crossing_is_predicted_beside_the_measured_one() -> None:
    (crossing,) = series(kernel_sweep(torch=lambda k: 1e-4 * k**2, fft=lambda k: 5e-3)).crossings
    assert (crossing.before, crossing.after) == ("torch", "fft")
    assert crossing.between == (7, 9)
    assert crossing.predicted == pytest.approx(50**0.5, rel=1e-2)
    assert crossing.predicted_low < 50**0.5 < crossing.predicted_high


def test_a_crossing_beyond_the_sizes_measured_is_only_predicted() -> None:
    (crossing,) = series(kernel_sweep(torch=lambda k: 1e-4 * k**2, fft=lambda k: 4e-2)).crossings
    assert (crossing.before, crossing.after) == ("torch", "fft")
    assert crossing.between is None
    assert crossing.predicted == pytest.approx(20.0, rel=1e-2)


def test_lines_that_cross_below_size_one_do_not_cross() -> None:
    matrix = kernel_sweep(torch=lambda k: 1e-3 * k**2, fft=lambda k: 0.6e-3 * k**1.5)
    assert series(matrix).crossings == ()


def test_a_bend_names_the_cache_that_is_as_large() -> None:
    def time_s(kernel: int) -> float:
        return 1e-4 * kernel**1.2 * max(1.0, kernel / 7) ** 1.4

    tensor_bytes = padded(7).least_bytes
    caches = {"L1": "48K", "L2": f"{tensor_bytes // 1024 + 5}K", "L3": "32768K"}
    sweep = series(kernel_sweep(torch=time_s), caches=caches)
    (turn,) = [growth.turn for growth in sweep.growths]
    assert turn is not None
    assert turn.size == pytest.approx(7, rel=0.1)
    assert turn.cache is not None
    assert turn.cache.startswith("L2")
    assert turn.after > turn.before + 0.5


def test_more_series_than_are_searched_are_counted() -> None:
    matrix = Matrix.of(large_run(1720, blocks=2, samples=2))
    (scaling,) = [s for s in scalings(matrix, "sweep") if s.axis == "kernel size"]
    assert len(scaling.series) == MOST_SERIES
    assert scaling.left_out > 0


def test_two_sizes_are_no_series() -> None:
    results = [exact(layer(f"k{kernel}", kernel=kernel), "torch", 1.0) for kernel in (1, 3)]
    assert scalings(grid_of(*results), "net") == []


def test_the_crossover_map_names_the_winner_of_each_square() -> None:
    slots = crossover(Matrix.of(large_run(480, blocks=4, samples=2)), "sweep")
    assert len(slots) == 20
    winners = {(slot.kernel, slot.channels): slot.winner for slot in slots}
    assert winners[1, 64] == "torch"
    assert winners[3, 64] == "winograd_4x4"
    assert winners[11, 64] == "fft"
    assert all(slot.margin is not None and slot.margin >= 1 for slot in slots)


def test_a_file_of_unlike_layers_has_no_crossover_map() -> None:
    assert crossover(Matrix.of(small_run()), "quick") == []
