"""Why a block's times do not count: the card was throttled, or the worker's clock lies."""

from __future__ import annotations

from collections.abc import Sequence

from suite.card import CardState

CLOCK_TOLERANCE_S = 0.01
CLOCK_TOLERANCE = 0.1
LEAST_TURNS = 3


def throttling(cards: Sequence[CardState]) -> str | None:
    """Return why a block on this card does not count, if it does not."""
    for card in cards:
        if card.throttled:
            return (
                f"a block was discarded, the card throttled: {', '.join(card.throttled)} at "
                f"{card.sm_clock_mhz} MHz, {card.temperature_c} °C"
            )
    return None


def clock_fault(turns_s: Sequence[tuple[float, float]]) -> str | None:
    """Return what is wrong with a worker's clock by the runner's own, if anything.

    Each turn is (seconds the worker counted, seconds the runner counted). On a busy machine
    messages wait, so that a turn may look longer from outside; a clock that lies makes every turn
    look so, and no honest clock counts more than the runner's.
    """
    if len(turns_s) < LEAST_TURNS:
        return None
    for told_s, held_s in turns_s:
        if told_s > held_s + CLOCK_TOLERANCE_S:
            return f"the worker counted {told_s:.3f} s in a turn of {held_s:.3f} s"
    told_s, held_s = min(turns_s, key=lambda turn: (turn[1] - turn[0]) / turn[1])
    if held_s - told_s > CLOCK_TOLERANCE_S + CLOCK_TOLERANCE * held_s:
        return (
            f"in no turn did the worker's clock agree with the runner's; at best it counted "
            f"{told_s:.3f} s of {held_s:.3f} s"
        )
    return None
