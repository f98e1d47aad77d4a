"""Roll back until the whole is faster beyond chance, or nothing is left to roll back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from suite.network.bench import Configuration
from suite.network.benches import Benches
from suite.network.deciding import better_format, is_proven
from suite.network.proving import Blocks, Pairs, Variants, prove
from suite.stats.intervals import paired_speedup
from suite.tuning.plan import Plan

FIRST_BLOCKS = 3
"""Of every memory format, to find the one to go on with, and the layers that lose."""
ATTEMPTS = 2
"""With all that does not lose, then with what surely gains by itself; then nothing is replaced."""
LOSES = "slower inside the network, where it was measured with all others in place"
NOT_SURE = "not surely faster inside the network, which as a whole was not surely faster with it"

Watch = Callable[[str], None]


@dataclass(frozen=True)
class Settled:
    """What is left of the variants."""

    memory_format: str | None
    configuration: Configuration
    blocks: Blocks
    """Of what is left; of what was tried last where nothing is."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Path of a layer that was rolled back → why."""
    is_faster: bool = True
    are_fresh: bool = True
    """Whether blocks had processes of their own."""


def settle(
    benches: Benches,
    variants: Variants,
    fitted: Callable[[str | None, Configuration], Configuration],
    until: float,
    watch: Watch,
    *,
    is_folded: bool = False,
) -> Settled:
    """Measure the variants in whole passes, and roll back what does not gain.

    Args:
        fitted: what of a configuration keeps within the limit of memory.
        until: of the monotonic clock.
        is_folded: whether the variants are of a folded network: then they are a change without
            any layer replaced.

    Raises:
        ArmFailed: a variant raised.
    """
    first = prove(benches, variants, until, watch, FIRST_BLOCKS, FIRST_BLOCKS, is_folded=is_folded)
    if None in variants:
        memory_format = better_format({key: blocks.whole for key, blocks in first.items()})
    else:
        (memory_format,) = variants
    last = first[memory_format]
    losing = _slower_layers(last, variants[memory_format])
    reasons = dict.fromkeys(losing, LOSES)
    rest = _without(variants[memory_format], losing)
    for _ in range(ATTEMPTS):
        rest = fitted(memory_format, rest)
        if not rest and memory_format is None and not is_folded:
            break
        kept = {memory_format: rest}
        # What nothing was taken from is gone on with, unless it was picked out of several.
        is_begun = len(variants) == 1 and rest == variants[memory_format]
        begun = first if is_begun else None
        last = prove(benches, kept, until, watch, is_folded=is_folded, begun=begun)[memory_format]
        if is_proven(last.gain):
            return Settled(memory_format, rest, last, reasons, are_fresh=benches.are_fresh)
        doubtful = _unsure_layers(last, rest)
        reasons |= dict.fromkeys(doubtful, NOT_SURE)
        rest = _without(rest, doubtful)
    reasons |= dict.fromkeys(rest, NOT_SURE)
    return Settled(None, {}, last, reasons, is_faster=False, are_fresh=benches.are_fresh)


def _slower_layers(blocks: Blocks, configuration: Configuration) -> list[str]:
    """Return the layers that lost to torch in the same memory format."""
    return [
        path
        for paths, pairs in _alike(blocks, configuration)
        if pairs and paired_speedup(pairs).value <= 1
        for path in paths
    ]


def _unsure_layers(blocks: Blocks, configuration: Configuration) -> list[str]:
    """Return the layers that do not gain beyond chance."""
    return [
        path
        for paths, pairs in _alike(blocks, configuration)
        if not pairs or not is_proven(paired_speedup(pairs))
        for path in paths
    ]


def _alike(blocks: Blocks, configuration: Configuration) -> Iterator[tuple[list[str], Pairs]]:
    """Yield the layers that are called and replaced alike, and what blocks told of their sum."""
    alike: dict[tuple[Plan, ...], list[str]] = {}
    for path, plans in configuration.items():
        alike.setdefault(plans, []).append(path)
    for paths in alike.values():
        of_each = [blocks.layers_in_format.get(path, []) for path in paths]
        sums = [
            (sum(before for before, _ in block), sum(after for _, after in block))
            for block in zip(*of_each, strict=False)  # one that a clock was too coarse for has less
        ]
        yield paths, sums


def _without(configuration: Configuration, paths: list[str]) -> Configuration:
    return {path: plans for path, plans in configuration.items() if path not in paths}
