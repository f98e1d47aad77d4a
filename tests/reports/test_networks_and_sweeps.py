"""Totals weighted by occurrences, crossover maps, and exponents that are known beforehand."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
from synthetic import cell, large_run, problem, small_run

from reports.grid import Grid
from reports.networks import BEST_MIX, networks
from reports.sweeps import crossover, scalings
from suite.problem import Scenario
from suite.result import Block, Status
from suite.runfile import Run


def exact(scenario: Scenario, name: str, time_s: float):
    """Return a passed cell whose every sample is `time_s`."""
    made = cell(scenario, name, draw=random.Random(1))
    block = Block(samples_s=(time_s,), calls_per_sample=1, seed="0", reference_s=time_s)
    return dataclasses.replace(made, blocks=(block, block))


def layer(name: str, occurrences: int = 1, **sizes: int) -> Scenario:
    shape = problem(**{"in_channels": 8, "out_channels": 8, "kernel": 3, "size": 14, **sizes})
    return Scenario(id=name, problem=shape, source="net", occurrences=occurrences)


def grid_of(*results: object) -> Grid:
    return Grid.of(Run(Path(), {}, tuple(results)))  # type: ignore[arg-type]


def test_a_networks_time_is_the_sum_weighted_by_occurrences() -> None:
    a, b = layer("a", occurrences=3), layer("b")
    grid = grid_of(
        exact(a, "torch", 1.0), exact(b, "torch", 10.0), exact(a, "fft", 2.0), exact(b, "fft", 4.0)
    )
    (network,) = networks(grid)
    totals = {total.name: total.time_s for total in network.totals}
    assert totals == pytest.approx({"torch": 13.0, "fft": 10.0, BEST_MIX: 7.0})
    assert network.mix == {"torch": 1, "fft": 1}
    assert (network.layers, network.calls) == (2, 4)


def test_a_layer_that_did_not_pass_leaves_no_total_but_one_with_the_reference() -> None:
    a, b = layer("a", occurrences=2), layer("b")
    failed = cell(b, "fft", draw=random.Random(1), planted=(Status.CRASHED, "boom"))
    grid = grid_of(exact(a, "torch", 1.0), exact(b, "torch", 10.0), exact(a, "fft", 0.5), failed)
    total = next(total for total in networks(grid)[0].totals if total.name == "fft")
    assert total.time_s is None
    assert total.filled_s == pytest.approx(11.0)
    assert total.passed_layers == 1


def test_a_file_in_which_nothing_occurs_twice_is_no_network() -> None:
    assert networks(grid_of(exact(layer("a"), "torch", 1.0))) == []


def test_the_exponent_of_a_power_law_is_found_exactly() -> None:
    sizes = {f"k{kernel}": kernel for kernel in (1, 3, 5, 7)}
    results = [
        exact(layer(name, kernel=kernel), "torch", 1e-3 * kernel**1.7)
        for name, kernel in sizes.items()
    ]
    (scaling,) = [s for s in scalings(grid_of(*results), "net") if s.axis == "kernel size"]
    (exponent,) = scaling.exponents
    assert exponent.value == pytest.approx(1.7)
    assert exponent.low == pytest.approx(1.7)
    assert exponent.high == pytest.approx(1.7)
    assert scaling.series == (("k1", "k3", "k5", "k7"),)


def test_series_of_different_levels_share_one_exponent() -> None:
    draw = random.Random(3)
    results = [
        exact(
            layer(f"k{kernel}-s{size}", kernel=kernel, size=size),
            "torch",
            1e-5 * size**2 * kernel**2 * draw.lognormvariate(0, 0.02),
        )
        for kernel in (1, 3, 5, 7, 9)
        for size in (10, 20, 40)
    ]
    found = {s.axis: s.exponents[0] for s in scalings(grid_of(*results), "net")}
    for axis in ("kernel size", "input size"):
        exponent = found[axis]
        assert exponent.low is not None
        assert exponent.high is not None
        assert exponent.low < 2 < exponent.high
        assert exponent.high - exponent.low < 0.1


def test_two_sizes_are_no_series() -> None:
    results = [exact(layer(f"k{kernel}", kernel=kernel), "torch", 1.0) for kernel in (1, 3)]
    assert scalings(grid_of(*results), "net") == []


def test_the_crossover_map_names_the_winner_of_each_square() -> None:
    slots = crossover(Grid.of(large_run(480, blocks=2, samples=2)), "sweep")
    assert len(slots) == 20
    winners = {(slot.kernel, slot.channels): slot.winner for slot in slots}
    assert winners[1, 64] == "torch"
    assert winners[3, 64] == "winograd_4x4"
    assert winners[11, 64] == "fft"
    assert all(slot.margin is not None and slot.margin >= 1 for slot in slots)


def test_a_file_of_unlike_layers_has_no_crossover_map() -> None:
    assert crossover(Grid.of(small_run()), "quick") == []
