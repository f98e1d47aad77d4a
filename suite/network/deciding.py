"""From times to decisions: which row a layer gets, and what is rolled back. Numbers alone."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from suite.stats.intervals import Interval, block_time_s, paired_speedup

LEAST_GAIN = 1.03
"""Less is not worth another way of rounding."""
FORGIVING_BLOCKS = 3
"""From so many on one may have lost."""
FINALISTS = 2
MOST_PACK_SHARE = 2.5
"""Packed weights may take so many times the bytes of the weights that they stand for."""


@dataclass(frozen=True)
class Option:
    """One row that may compute a layer."""

    row: str
    saved_s: float
    """Seconds of a pass that it saves over torch."""
    pack_bytes: int


@dataclass(frozen=True)
class Choice:
    """The options of one layer, the best first; after them comes torch, which packs nothing."""

    weight_bytes: int
    options: tuple[Option, ...]


@dataclass(frozen=True)
class TorchPass:
    """A pass through the network, all of it torch's."""

    whole_s: float
    outside_s: float
    """Outside of the layers that may be replaced."""


def gain_of(torch_s: Iterable[Sequence[float]], row_s: Iterable[Sequence[float]]) -> float:
    """Return by what factor a row is faster in some layers together.

    Of each layer the first decile: what else runs on a shared machine makes passes longer, never
    shorter.

    Args:
        torch_s, row_s: of each layer its samples, from the same turns.
    """
    before_s, after_s = sum(map(block_time_s, torch_s)), sum(map(block_time_s, row_s))
    return before_s / after_s if before_s > 0 and after_s > 0 else 1.0


def finalists(gains: Mapping[str, float], packs: Mapping[str, int], weight_bytes: int) -> list[str]:
    """Return the rows that are measured again: the fastest, and one whose pack is small."""
    faster = [row for row, gain in gains.items() if gain >= LEAST_GAIN]
    ranked = sorted(faster, key=lambda row: -gains[row])
    chosen = ranked[:FINALISTS]
    limit = MOST_PACK_SHARE * weight_bytes
    small = [row for row in ranked if packs.get(row, 0) <= limit]
    if small and not set(small) & set(chosen):
        chosen.append(small[0])
    return chosen


def is_surely_faster(blocks: Sequence[float]) -> bool:
    """Return whether blocks gained enough on average, and each of them something.

    Of three and more one may have lost: a neighbour spoils one as easily as not.
    """
    may_lose = 1 if len(blocks) >= FORGIVING_BLOCKS else 0
    if not blocks or sum(block <= 1 for block in blocks) > may_lose:
        return False
    return statistics.geometric_mean(blocks) >= LEAST_GAIN


def within_memory(choices: Mapping[str, Choice]) -> dict[str, Option]:
    """Return an option for each layer whose packs take no more than they may, all together.

    Begins with the best of each; where that is too much, whatever costs the least time for the
    bytes that it frees is taken back to its next smaller option, or to torch.
    """
    chosen = {path: 0 for path, choice in choices.items() if choice.options}

    def excess(path: str, number: int) -> float:
        choice = choices[path]
        if number == len(choice.options):
            return 0.0
        return choice.options[number].pack_bytes - MOST_PACK_SHARE * choice.weight_bytes

    def saved_s(path: str, number: int) -> float:
        options = choices[path].options
        return options[number].saved_s if number < len(options) else 0.0

    while sum(excess(path, number) for path, number in chosen.items()) > 0:
        steps = [
            ((saved_s(path, number) - saved_s(path, later)) / freed, path, later)
            for path, number in chosen.items()
            for later in range(number + 1, len(choices[path].options) + 1)
            if (freed := excess(path, number) - excess(path, later)) > 0
        ]
        _, path, later = min(steps)
        chosen[path] = later
    return {
        path: choices[path].options[number]
        for path, number in chosen.items()
        if number < len(choices[path].options)
    }


def whole_gain(blocks: Sequence[tuple[float, float]]) -> Interval:
    """Return the speed-up over blocks of (before, after), with its interval."""
    return paired_speedup(blocks)


def is_proven(gain: Interval) -> bool:
    """Return whether a network is faster beyond chance."""
    return gain.low is not None and gain.low > 1


def better_format(gains: Mapping[str | None, Sequence[tuple[float, float]]]) -> str | None:
    """Return the memory format to choose: the network's own unless another is surely faster.

    What is chosen is proven afterwards; a format that only seems better costs nobody anything.

    Args:
        gains: memory format → its blocks of (before, after); None is the network's own.
    """
    own = gains[None]
    best: str | None = None
    best_gain = 1.0
    for memory_format, blocks in gains.items():
        if memory_format is None:
            continue
        over_own = [mine[1] / theirs[1] for mine, theirs in zip(own, blocks, strict=True)]
        gain = statistics.geometric_mean(over_own)
        if is_surely_faster(over_own) and gain > best_gain:
            best, best_gain = memory_format, gain
    return best


def likely_format(passes: Mapping[str | None, TorchPass]) -> str | None:
    """Return the memory format in which rows are likely to do best, before any was tried.

    That is the one in which torch takes the least time for what they leave to it, as max pooling
    takes it ten times as long on contiguous planes; the network's own unless that saves enough.

    Args:
        passes: memory format → a pass in it; None is the network's own.
    """
    own = passes[None]
    best = min(passes, key=lambda memory_format: passes[memory_format].outside_s)
    saved_s = own.outside_s - passes[best].outside_s
    return best if saved_s > (LEAST_GAIN - 1) * own.whole_s else None
