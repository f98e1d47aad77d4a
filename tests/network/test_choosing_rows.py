"""Rows tried inside a network: the fastest wins, what is slow, fails or is too large does not."""

from __future__ import annotations

import dataclasses
import math

import torch
from pretended_benches import PretendedBenches
from quick_modules import planned
from torch import nn

from suite.network.candidates import Candidate, columns
from suite.network.choosing import Contest
from suite.network.proving import Blocks, prove
from suite.network.settling import LOSES, NOT_SURE, settle

CHANNELS = {"a": 4, "b": 6, "b2": 6}
"""Of each layer; those of as many are called alike."""
LAYERS = ("a", "b")
WEIGHT = 100
LONG_S = 3600.0


def candidate(row, layer="a"):
    channels = CHANNELS[layer]
    conv = nn.Conv2d(channels, 4, 3)
    return Candidate(row, (planned(conv, (1, channels, 8, 8), row=row),))


def contest(benches, rows, seconds=LONG_S, layers=LAYERS):
    candidates = {path: [candidate(row, path) for row in rows] for path in layers}
    tried = Contest(candidates, dict.fromkeys(layers, WEIGHT), benches, None)
    tried.run(seconds, lambda _: None)
    return tried


def chosen(tried):
    return {path: row.row for path, row in tried.chosen().items()}


def test_each_layer_gets_the_row_that_is_fastest_in_it():
    benches = PretendedBenches(
        {
            "a": {"torch": 2e-3, "x": 1e-3, "y": 1.5e-3},
            "b": {"torch": 2e-3, "x": 1.8e-3, "y": 1.2e-3},
        }
    )
    assert chosen(contest(benches, ["x", "y"])) == {"a": "x", "b": "y"}


def test_layers_that_are_called_alike_get_the_row_that_is_fastest_in_all_of_them_together():
    benches = PretendedBenches(
        {
            "a": {"torch": 2e-3, "x": 1.5e-3, "y": 1e-3},
            "b": {"torch": 2e-3, "x": 1e-3, "y": 1.8e-3},
            "b2": {"torch": 2e-3, "x": 2.1e-3, "y": 1.8e-3},
        }
    )
    tried = contest(benches, ["x", "y"], layers=tuple(CHANNELS))

    assert chosen(tried) == {"a": "y", "b": "x", "b2": "x"}
    assert tried.refuse({"b2": "x is wrong on its values"})
    assert chosen(tried) == {"a": "y", "b": "x", "b2": "y"}


def test_a_slow_row_is_not_measured_again_and_the_layer_stays_torchs():
    benches = PretendedBenches({path: {"torch": 1e-3, "slow": 1e-2} for path in LAYERS})
    tried = contest(benches, ["slow"])

    assert chosen(tried) == {}
    assert len(benches.timed) == 1
    assert tried.reasons()["a"] == "no row was surely faster inside the network, slow nearest"


def test_a_row_that_crashes_takes_no_other_with_it():
    times = {"torch": 2e-3, "good": 1e-3, "crashing": 0.5e-3}
    benches = PretendedBenches(dict.fromkeys(LAYERS, times), fails=frozenset({"crashing"}))
    candidates = {
        "a": [candidate("crashing"), candidate("good")],
        "b": [candidate("good", "b")],
    }
    tried = Contest(candidates, dict.fromkeys(LAYERS, WEIGHT), benches, None)
    tried.run(LONG_S, lambda _: None)

    assert chosen(tried) == {"a": "good", "b": "good"}


def test_without_time_nothing_is_tried_and_said_so():
    benches = PretendedBenches({path: {"torch": 2e-3, "x": 1e-3} for path in LAYERS})
    tried = contest(benches, ["x"], seconds=0.0)

    assert chosen(tried) == {}
    assert "budget was used up" in tried.reasons()["a"]


def test_a_smaller_pack_is_taken_where_the_best_does_not_fit():
    times = {"torch": 2e-3, "large": 1e-3, "other": 1.1e-3, "small": 1.5e-3}
    packs = {"large": 400, "other": 400, "small": 100}
    benches = PretendedBenches(dict.fromkeys(LAYERS, times), packs=packs)
    found = chosen(contest(benches, ["large", "other", "small"]))

    assert sorted(found.values()) == ["large", "small"]


def test_what_is_remembered_is_not_measured_again():
    benches = PretendedBenches({path: {"torch": 2e-3, "x": 1e-3, "y": 3e-3} for path in LAYERS})
    candidates = {path: [candidate("x", path), candidate("y", path)] for path in LAYERS}
    known = {"a": {"x": 2.0, "y": 0.5}, "b": {"y": 0.5}}
    tried = Contest(candidates, dict.fromkeys(LAYERS, WEIGHT), benches, None, known)
    tried.run(LONG_S, lambda _: None)

    assert chosen(tried) == {"a": "x", "b": "x"}
    assert benches.timed == [["x"]] * 4
    assert benches.opened == 4


def test_where_all_is_remembered_no_process_is_started():
    benches = PretendedBenches({path: {"torch": 2e-3, "x": 1e-3} for path in LAYERS})
    candidates = {path: [candidate("x", path)] for path in LAYERS}
    known = {"a": {"x": 2.0}, "b": {"x": 0.9}}
    tried = Contest(candidates, dict.fromkeys(LAYERS, WEIGHT), benches, None, known)
    tried.run(LONG_S, lambda _: None)

    assert chosen(tried) == {"a": "x"}
    assert benches.opened == 0
    assert tried.reasons()["b"] == "no row was surely faster inside the network, x nearest"


def test_no_step_begins_that_would_take_longer_than_there_is_time():
    benches = PretendedBenches({path: {"torch": 2e-3, "x": 1e-3} for path in LAYERS})
    candidates = {path: [candidate("x", path)] for path in LAYERS}
    tried = Contest(candidates, dict.fromkeys(LAYERS, WEIGHT), benches, None, pass_s=10.0)
    tried.run(90.0, lambda _: None)

    assert benches.timed == []
    assert "budget was used up" in tried.reasons()["a"]


def fusing(row, layer):
    return dataclasses.replace(candidate(row, layer), fuses=True)


def test_a_row_that_fails_when_it_fuses_is_tried_with_torch_after_it():
    times = {"torch": 2e-3, "x": 0.5e-3, "x apart": 1e-3}
    benches = PretendedBenches(dict.fromkeys(LAYERS, times), fails=frozenset({"x"}))
    candidates = {path: [fusing("x", path)] for path in LAYERS}
    tried = Contest(candidates, dict.fromkeys(LAYERS, WEIGHT), benches, None)
    tried.run(LONG_S, lambda _: None)

    assert all(row.is_apart and row.row == "x" for row in tried.chosen().values())
    assert set(tried.chosen()) == set(LAYERS)


def test_a_row_that_is_slower_when_it_fuses_is_taken_with_torch_after_it():
    times = {"torch": 2e-3, "x": 1.5e-3, "x apart": 1e-3}
    benches = PretendedBenches({"a": times, "b": {**times, "x": 0.9e-3}})
    candidates = {path: [fusing("x", path)] for path in LAYERS}
    tried = Contest(candidates, dict.fromkeys(LAYERS, WEIGHT), benches, None)
    tried.run(LONG_S, lambda _: None)

    assert {path: row.is_apart for path, row in tried.chosen().items()} == {"a": True, "b": False}


def test_a_row_that_is_wrong_gives_way_to_the_next_best_and_then_to_torch():
    times = {"torch": 2e-3, "x": 1e-3, "y": 1.2e-3}
    tried = contest(PretendedBenches(dict.fromkeys(LAYERS, times)), ["x", "y"])

    assert tried.refuse({"a": "x is wrong here"})
    assert chosen(tried) == {"a": "y", "b": "x"}
    assert not tried.refuse({"a": "y is wrong here"})
    assert chosen(tried) == {"b": "x"}
    assert tried.reasons()["a"] == "x is wrong here; y is wrong here"


def test_columns_hold_one_row_for_each_layer():
    x, y, z = (candidate(row) for row in "xyz")
    assert columns({"a": [x, y], "b": [z]}) == [{"a": x, "b": z}, {"a": y}]


def configuration(**rows):
    return {path: candidate(row, path).plans for path, row in rows.items()}


def settled(benches, variants, fitted=lambda _, rest: rest):
    return settle(benches, variants, fitted, until=0.0, watch=lambda _: None)


def test_a_network_that_is_surely_faster_is_kept_with_its_interval():
    benches = PretendedBenches({path: {"torch": 2e-3, "x": 1e-3} for path in LAYERS})
    result = settled(benches, {None: configuration(a="x", b="x")})

    assert result.is_faster
    assert set(result.configuration) == {"a", "b"}
    assert 1.5 < result.blocks.gain.low < 5 / 3 < result.blocks.gain.high < 1.8
    assert result.blocks.layers["a"][0] == (2e-3, 1e-3)


def test_a_layer_that_loses_in_place_is_rolled_back_and_the_rest_measured_anew():
    benches = PretendedBenches({"a": {"torch": 2e-3, "x": 1e-3}, "b": {"torch": 1e-3, "x": 1.2e-3}})
    result = settled(benches, {None: configuration(a="x", b="x")})

    assert set(result.configuration) == {"a"}
    assert result.reasons == {"b": LOSES}
    assert all(rows == ["x"] for rows in benches.timed)


def test_layers_that_are_called_alike_are_rolled_back_together():
    """What one of them lost, and the other gained, is what chance makes of two that are alike."""
    benches = PretendedBenches(
        {
            "a": {"torch": 9e-3, "x": 1e-3},
            "b": {"torch": 1e-3, "x": 1.2e-3},
            "b2": {"torch": 1e-3, "x": 0.9e-3},
        }
    )
    result = settled(benches, {None: configuration(a="x", b="x", b2="x")})

    assert set(result.configuration) == {"a"}
    assert result.reasons == {"b": LOSES, "b2": LOSES}


def test_what_makes_the_rest_of_the_network_slower_is_rolled_back_altogether():
    """Each layer gains by itself, and the whole does not: what they leave in the caches, say."""
    benches = PretendedBenches(
        {path: {"torch": 2e-3, "x": 1.9e-3} for path in LAYERS}, beside_s={"x": 5e-4}
    )
    result = settled(benches, {None: configuration(a="x", b="x")})

    assert not result.is_faster
    assert result.configuration == {}
    assert set(result.reasons.values()) == {NOT_SURE}


def test_noise_proves_nothing():
    benches = PretendedBenches(
        {path: {"torch": 2e-3, "x": 1.9e-3} for path in LAYERS}, noise=(0.8, 1.0, 1.2)
    )
    assert not settled(benches, {None: configuration(a="x")}).is_faster


def test_the_faster_memory_format_is_taken_with_what_gains_there():
    benches = PretendedBenches(
        {path: {"torch": 2e-3, "x": 1e-3} for path in LAYERS}, formats={"channels_last": 0.8}
    )
    result = settled(benches, {None: configuration(a="x"), "channels_last": configuration(b="x")})

    assert result.memory_format == "channels_last"
    assert set(result.configuration) == {"b"}


def test_a_memory_format_alone_may_be_the_gain():
    benches = PretendedBenches({"a": {"torch": 2e-3}}, formats={"channels_last": 0.8})
    result = settled(benches, {None: {}, "channels_last": {}})

    assert result.memory_format == "channels_last"
    assert result.is_faster


def test_nothing_to_gain_leaves_the_network_as_it_is():
    benches = PretendedBenches({"a": {"torch": 2e-3}})
    result = settled(benches, {None: {}, "channels_last": {}})

    assert result.memory_format is None
    assert not result.is_faster


def test_what_does_not_fit_into_memory_is_not_part_of_the_proof():
    benches = PretendedBenches({path: {"torch": 2e-3, "x": 1e-3} for path in LAYERS})
    result = settled(
        benches,
        {None: configuration(a="x", b="x")},
        fitted=lambda _, rest: {path: plans for path, plans in rest.items() if path != "b"},
    )
    assert set(result.configuration) == {"a"}


def test_blocks_that_nothing_was_picked_by_are_gone_on_with():
    benches = PretendedBenches({path: {"torch": 2e-3, "x": 1e-3} for path in LAYERS})
    result = settled(benches, {None: configuration(a="x", b="x")})

    assert result.is_faster
    assert benches.opened == len(result.blocks.whole) == 4


def test_what_is_surely_slower_gets_no_more_blocks():
    def more_blocks(*after_s):
        benches = PretendedBenches({"a": {"torch": 2e-3, "x": 2e-3}})
        begun = {None: Blocks(whole=[(1.0, seconds) for seconds in after_s])}
        prove(benches, {None: configuration(a="x")}, math.inf, lambda _: None, begun=begun)
        return benches.opened

    assert more_blocks(1.5, 2.0, 1.7, 2.2) == 0
    assert more_blocks(1.1, 0.9, 1.2, 0.8) > 0


def test_every_block_is_a_process_of_its_own():
    benches = PretendedBenches({"a": {"torch": 2e-3, "x": 1e-3}})
    blocks = prove(benches, {None: configuration(a="x")}, 0.0, lambda _: None)

    assert benches.opened == len(blocks[None].whole) == 4
    assert torch.tensor(blocks[None].whole).shape == (4, 2)
