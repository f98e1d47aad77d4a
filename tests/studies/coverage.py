"""How often do the intervals that a run prints cover the truth, given when it stops looking?

    python -m tests.studies.coverage                     # normal and heavy-tailed blocks
    python -m tests.studies.coverage results/mine ...    # blocks recorded with --blocks 20 or more

Replays the rule of `suite.measuring.stopping` on blocks: a cell is looked at after every one from
the least on, and its interval is printed when it is as narrow as is wanted, or as its spread lets
the blocks make it, or the blocks are spent. Recorded
blocks are drawn with replacement around the mean of all, which is the truth then. Prints, for each
spread or cell, the share that covers and how many blocks it took; wanted are 94 % or more.
"""

from __future__ import annotations

import math
import random
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from suite.measuring.settings import Settings
from suite.measuring.stopping import aimed_at
from suite.results.folder import read_results
from suite.stats import intervals

DRAWS = 1500
LEAST_RECORDED = 12
SPREADS = (0.006, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2)
"""Standard deviations of ln(ratio) between blocks, from a third of the half width wanted on."""
ENDS = (5, Settings.blocks, 48)


def replayed(draw: Callable[[], float], least: int, most: int) -> tuple[bool, int]:
    """Return whether one cell's printed interval covers 0 in logarithms, and how many blocks.

    Args:
        draw: returns ln(ratio) of one block less the truth.
    """
    ratios = [math.exp(draw()) for _ in range(least)]
    while True:
        interval = intervals.log_interval(ratios)
        assert interval.half_width is not None
        spread = statistics.stdev(map(math.log, ratios))
        aim = aimed_at(Settings.target_half_width, spread, len(ratios), most)
        if interval.half_width <= aim or len(ratios) >= most:
            return not interval.leaves_out_1, len(ratios)
        ratios.append(math.exp(draw()))


def coverage(draw: Callable[[], float], most: int, draws: int = DRAWS) -> tuple[float, float]:
    """Return the share of intervals that cover, and the mean number of blocks."""
    cells = [replayed(draw, Settings.least_blocks, most) for _ in range(draws)]
    return (
        statistics.fmean(covers for covers, _ in cells),
        statistics.fmean(blocks for _, blocks in cells),
    )


def recorded(folder: Path) -> Iterator[tuple[str, list[float]]]:
    """Yield ln(speed-up) of each cell's blocks, where there are enough to draw from."""
    for result in read_results(folder):
        logs = [
            math.log(block.reference_s / intervals.block_median_s(block.samples_s))
            for block in result.blocks
            if block.reference_s is not None
        ]
        if len(logs) >= LEAST_RECORDED and result.implementation != result.reference:
            yield result.key, logs


def _heavy(chance: random.Random) -> float:
    """Return a number of Student's t with 4 degrees of freedom, scaled to a deviation of 1."""
    normal = chance.gauss(0, 1)
    return normal / math.sqrt(chance.gammavariate(2.0, 2.0) / 4) / math.sqrt(2)


def main(folders: list[str]) -> None:
    chance = random.Random(1)
    rows: list[tuple[str, Callable[[], float], int]] = []
    if not folders:
        for most in ENDS:
            for spread in SPREADS:
                name = f"spread {spread:.1%}, at most {most} blocks"
                rows.append((f"normal, {name}", lambda s=spread: chance.gauss(0, s), most))
                rows.append((f"heavy, {name}", lambda s=spread: s * _heavy(chance), most))
    for folder in folders:
        for key, logs in recorded(Path(folder)):
            mean = statistics.fmean(logs)
            rows.append(
                (key, lambda logs=logs, mean=mean: chance.choice(logs) - mean, Settings.blocks)
            )
    shares = []
    for name, draw, most in rows:
        share, blocks = coverage(draw, most)
        shares.append(share)
        print(f"{share:.1%} after {blocks:4.1f} blocks  {name}")
    if shares:
        mean = statistics.fmean(shares)
        print(f"{len(shares)} rows: {mean:.1%} on average, {min(shares):.1%} at the least")


if __name__ == "__main__":
    main(sys.argv[1:])
