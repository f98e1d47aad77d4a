"""How many turns should a block have, and of how many samples? What its ratio's spread is with
fewer of them.

    python -m tests.studies.turns results/mine ...   # of `run --precision all --blocks 8`

Leaves turns out of recorded blocks, every choice of so many, and prints for each cell by how much
ln(reference's time / its own) then varies from block to block. Turns of one process that vary as
those of several do are worth as much as blocks, and cost a tenth. The same for every second and
every fourth sample of all turns: where that spreads no wider, the others only take time.

Then the median time of each sample by its place in its turn, over the last one's: where the first
ones are slower, what the other rows left in the caches is timed, and more calls have to lead.
"""

from __future__ import annotations

import itertools
import math
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from suite.results.cell import Block, CellResult
from suite.results.folder import read_manifest, read_results

LEAST_BLOCKS = 4
STEPS = (1, 2, 4)

Turns = list[list[float]]


def turns_of(block: Block, rounds: int) -> Turns | None:
    """Return a block's samples by turn; None where its turns are not as many, or not alike."""
    each, rest = divmod(len(block.samples_s), rounds)
    if rest or not each:
        return None
    return [list(block.samples_s[at * each : (at + 1) * each]) for at in range(rounds)]


def pairs(cell: CellResult, reference: CellResult | None, rounds: int) -> list[tuple[Turns, Turns]]:
    """Return the turns of a cell and of the reference in each block that both have."""
    if reference is None:
        return []
    theirs = {block.seed.partition("-")[0]: block for block in reference.blocks}
    return [
        (own, other)
        for block in cell.blocks
        if (met := theirs.get(block.seed.partition("-")[0]))
        and (own := turns_of(block, rounds))
        and (other := turns_of(met, rounds))
    ]


def spread(both: Sequence[tuple[Turns, Turns]], chosen: Sequence[int]) -> float:
    """Return the deviation between blocks of ln(ratio of medians) over the chosen turns."""

    def median_s(turns: Turns) -> float:
        return statistics.median(itertools.chain.from_iterable(turns[at] for at in chosen))

    return statistics.stdev(math.log(median_s(other) / median_s(own)) for own, other in both)


def thinned(turns: Turns, step: int) -> Turns:
    """Return every `step`-th sample of each turn."""
    return [turn[::step] for turn in turns]


def by_place(turns: Turns) -> list[float]:
    """Return the median of the first sample of all turns, of the second, ..., over the last's."""
    medians_s = [statistics.median(samples_s) for samples_s in zip(*turns, strict=False)]
    return [median_s / medians_s[-1] for median_s in medians_s]


def main(folders: Sequence[str]) -> None:
    for folder in map(Path, folders):
        rounds = int(read_manifest(folder)["settings"]["rounds"])
        cells = read_results(folder)
        references = {c.scenario.id: c for c in cells if c.implementation == c.reference}
        for cell in cells:
            both = pairs(cell, references.get(cell.scenario.id), rounds)
            if cell.implementation == cell.reference or len(both) < LEAST_BLOCKS:
                continue
            spreads = [
                math.sqrt(
                    statistics.fmean(
                        spread(both, chosen) ** 2
                        for chosen in itertools.combinations(range(rounds), number)
                    )
                )
                for number in range(1, rounds + 1)
            ]
            told = ", ".join(f"{at}: {value:.1%}" for at, value in enumerate(spreads, start=1))
            print(f"{cell.key}: {len(both)} blocks; spread by turns {told}")
            every = [
                spread(
                    [(thinned(own, step), thinned(other, step)) for own, other in both],
                    range(rounds),
                )
                for step in STEPS
            ]
            told = ", ".join(f"{at}: {value:.1%}" for at, value in zip(STEPS, every, strict=True))
            print(f"    spread by one sample of so many {told}")
            places = by_place([turn for own, _ in both for turn in own])
            print(f"    by place in a turn {', '.join(f'{place:.2f}' for place in places)}")


if __name__ == "__main__":
    main(sys.argv[1:])
