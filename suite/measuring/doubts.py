"""Impossible speed: no method is faster than the operations that its family cannot avoid."""

from __future__ import annotations

import math
from collections.abc import Sequence

from suite.results.card_state import CardState
from suite.results.cell import CellResult
from suite.results.summary import summarise
from suite.workload import network_of

MARGIN = 2.0
"""How far beyond a ceiling a cell has to be: a product of another shape may beat the measured one
by some ten percent, never by a factor."""

# The share of the direct operations that a family cannot do without. Winograd's F(6×6, 3×3) saves
# a factor of 5.06 and larger tiles are too inaccurate to pass; nested or rectangular tiles add
# little. An FFT's share depends on the sizes and is bound by memory traffic alone here.
# The choice of `auto` may be an FFT.
_LEAST_SHARE = {
    **dict.fromkeys(("winograd", "vendor", "engine"), 1 / 6.25),
    **dict.fromkeys(("fft", "auto"), 0.0),
}


def floor_s(result: CellResult) -> tuple[float, str]:
    """Return the least seconds a call can take, and what bounds it."""
    ceiling = result.ceiling
    if ceiling is None:
        return 0.0, "nothing"
    flops = result.scenario.problem.direct_flops * _least_share(result)
    compute_s = flops / ceiling.peak_flops_per_s
    scenario = result.scenario
    if scenario.cache_state == "cold":
        # Operands have to come from memory; the result may stay in the cache.
        moved = scenario.least_bytes - math.prod(scenario.result_shape) * scenario.itemsize
        rate, where = ceiling.memory_bytes_per_s, "in memory, as caches were cold"
    else:
        moved, rate, where = scenario.least_bytes, ceiling.cache_bytes_per_s, "in cache"
    memory_s = moved / rate
    if compute_s >= memory_s:
        rate_of = f"{ceiling.peak_flops_per_s / 1e9:.0f} GFLOP/s, this machine's measured peak"
        return compute_s, f"{flops / 1e9:.3g} GFLOP at {rate_of}"
    rate_of = f"{rate / 1e9:.0f} GB/s, its measured rate {where}"
    return memory_s, f"{moved / 1e6:.3g} MB at {rate_of}"


def _least_share(result: CellResult) -> float:
    # Whatever a network's arm is called, torch's own convolutions may be in it.
    family = "vendor" if network_of(result.scenario) else result.family
    return _LEAST_SHARE.get(family, 1.0)


def why_implausible(result: CellResult) -> str | None:
    """Return why a passed cell's time cannot be true, or None."""
    summary = summarise(result)
    if summary is None:
        return None
    least_s, bound = floor_s(result)
    slowest_s = summary.time_s.high or summary.time_s.value
    if slowest_s * MARGIN >= least_s:
        return None
    return (
        f"{summary.time_s.value * 1e6:.3g} µs a call, but the family {result.family} needs at "
        f"least {least_s * 1e6:.3g} µs ({bound}); register it under the family of its algorithm"
    )


def throttling(cards: Sequence[CardState]) -> str | None:
    """Return why a block on this card does not count, if it does not."""
    for card in cards:
        if card.throttled:
            return (
                f"a block was discarded, the card throttled: {', '.join(card.throttled)} at "
                f"{card.sm_clock_mhz} MHz, {card.temperature_c} °C"
            )
    return None
