"""From times to decisions: rows, memory, formats."""

from __future__ import annotations

import pytest

from suite.network.deciding import (
    MOST_PACK_SHARE,
    Choice,
    Option,
    TorchPass,
    better_format,
    finalists,
    gain_of,
    is_proven,
    is_surely_faster,
    likely_format,
    whole_gain,
    within_memory,
)


def test_a_gain_is_that_of_the_quickest_samples():
    assert gain_of([[1.0, 1.0, 9.0]], [[0.5, 7.0, 0.5]]) == pytest.approx(2.0)
    assert gain_of([[0.0]], [[1.0]]) == 1.0, "a clock too coarse to tell"


def test_a_gain_in_several_layers_is_that_of_their_sum():
    assert gain_of([[3.0], [1.0]], [[1.0], [1.0]]) == pytest.approx(2.0)


def test_a_row_that_lost_in_one_process_is_not_surely_faster():
    assert is_surely_faster([1.3, 1.2])
    assert not is_surely_faster([1.6, 0.98])
    assert not is_surely_faster([1.01, 1.02])
    assert not is_surely_faster([])


def test_one_process_of_three_may_have_been_disturbed():
    assert is_surely_faster([1.2, 0.99, 1.15])
    assert not is_surely_faster([1.4, 0.99, 0.98])
    assert not is_surely_faster([1.05, 0.9, 1.05])


def test_the_fastest_are_measured_again_and_one_whose_pack_is_small():
    gains = {"large": 2.0, "larger": 1.9, "small": 1.2, "smaller": 1.1, "slow": 0.8}
    packs = {"large": 400, "larger": 500, "small": 100, "smaller": 90, "slow": 0}

    assert finalists(gains, packs, weight_bytes=100) == ["large", "larger", "small"]
    assert finalists(gains, dict.fromkeys(gains, 100), 100) == ["large", "larger"]
    assert finalists({"slow": 0.8}, {}, 100) == []


def test_packs_that_fit_are_all_kept():
    choices = {"a": Choice(100, (Option("quick", 1.0, 240),))}
    assert within_memory(choices)["a"].row == "quick"


def test_what_exceeds_the_memory_goes_where_it_costs_the_least_time():
    choices = {
        "worth it": Choice(100, (Option("quick", 9.0, 400),)),
        "not worth it": Choice(100, (Option("quick", 1.0, 400),)),
        "room": Choice(100, (Option("plain", 1.0, 100),)),
    }
    kept = within_memory(choices)

    assert set(kept) == {"worth it", "room"}


def test_a_smaller_row_is_preferred_to_torch_where_the_best_is_too_large():
    choices = {"a": Choice(100, (Option("best", 2.0, 400), Option("small", 1.5, 100)))}
    assert within_memory(choices)["a"].row == "small"


def test_the_limit_holds_for_whatever_is_kept():
    choices = {
        str(n): Choice(100, (Option("large", n, 100 * n), Option("small", n / 2, 50 * n)))
        for n in range(1, 9)
    }
    kept = within_memory(choices)

    assert kept
    weights = sum(choices[path].weight_bytes for path in kept)
    assert sum(option.pack_bytes for option in kept.values()) <= MOST_PACK_SHARE * weights


def test_a_gain_is_proven_where_its_interval_leaves_out_none():
    assert is_proven(whole_gain([(1.2, 1.0), (1.21, 1.0), (1.19, 1.0), (1.2, 1.0)]))
    assert not is_proven(whole_gain([(1.5, 1.0), (0.9, 1.0), (1.1, 1.0), (0.95, 1.0)]))
    assert not is_proven(whole_gain([(2.0, 1.0), (2.0, 1.0)])), "two blocks prove nothing"


def test_another_format_is_chosen_only_where_it_is_surely_faster():
    own = [(1.0, 0.8), (1.0, 0.81), (1.0, 0.79)]
    surely = [(1.0, 0.6), (1.0, 0.61), (1.0, 0.59)]
    noisy = [(1.0, 0.5), (1.0, 0.79), (1.0, 0.6)]
    hardly = [(1.0, 0.79), (1.0, 0.8), (1.0, 0.78)]
    perhaps = [(1.0, 0.6), (1.0, 0.9), (1.0, 0.8)]

    assert better_format({None: own, "channels_last": surely}) == "channels_last"
    assert better_format({None: own, "channels_last": perhaps}) is None
    assert better_format({None: own, "channels_last": noisy}) == "channels_last"
    assert better_format({None: own, "channels_last": hardly}) is None, "not worth a conversion"
    assert better_format({None: surely, "channels_last": own}) is None


def test_rows_are_likely_to_do_best_where_torch_takes_least_for_the_rest():
    own, sooner = TorchPass(whole_s=10.0, outside_s=3.0), TorchPass(whole_s=11.0, outside_s=1.0)
    hardly = TorchPass(whole_s=9.0, outside_s=2.8)

    assert likely_format({None: own, "channels_last": sooner}) == "channels_last"
    assert likely_format({None: own, "channels_last": hardly}) is None
    assert likely_format({None: sooner, "channels_last": own}) is None
