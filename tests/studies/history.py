"""How often a history without a change shows one, and how often a step of 14 % is found.

    python -m tests.studies.history [HISTORIES]

Made-up histories of one reference row in four and three others, each cell with a noise of its own.
All that `history` decides from the values is in: the choice between time and time over the
reference's, made from the same values, is among it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np

from reports.history.cell_history import LEVEL
from suite.stats.level_changes import Levels, Telling, erratic_variance, level_changes

STEP = float(np.log(1.14))
NOISE = 0.025
"""Of the logarithm of a cell's time from run to run; by cell a factor of 1.6 more or less."""
BLOCK_ERROR = 0.012
ROWS = 4
SIZES = ((8, 4), (8, 36), (12, 36), (30, 36), (100, 36))
"""Runs, cells."""


@dataclass(frozen=True)
class Kind:
    """How the times of runs scatter, on logarithms."""

    day: float = 0.01
    """What all cells of a run share."""
    reference: float = 0.01
    """What the reference row alone does."""
    jumps: bool = False
    """Whether the reference row has two levels at random, one 20 times the other."""
    wild: float = 0.0
    """Chance that others made a cell 10 to 120 % slower in a run."""


KINDS = {
    "normal": Kind(),
    "slow days": Kind(day=0.2),
    "the reference swings": Kind(reference=0.8),
    "the reference jumps": Kind(jumps=True),
    "8 % wild": Kind(wild=0.08),
}
Cell = list[Telling]


def history(
    draw: np.random.Generator, kind: Kind, runs: int, cells: int, step: float
) -> list[Cell]:
    """Return a history's cells; the first of them steps in the middle."""
    day = kind.day * draw.standard_normal(runs)
    made = []
    for number in range(cells):
        if number % ROWS == 0:
            own = kind.reference * draw.standard_normal(runs)
            if kind.jumps:
                own += np.log(20) * (draw.random(runs) < 0.5)
            reference = day + own + _noise(draw, kind, runs)
        time = day + _noise(draw, kind, runs)
        if number == 1:
            time[runs // 2 :] += step
        if number % ROWS == 0:
            made.append([_telling(reference)])
        else:
            made.append([_telling(time), _telling(time - reference)])
    return made


def _noise(draw: np.random.Generator, kind: Kind, runs: int) -> np.ndarray:
    spread = NOISE * draw.lognormal(0, 0.5)
    wild = (draw.random(runs) < kind.wild) * draw.uniform(0.1, 0.8, runs)
    return np.asarray(spread * draw.standard_normal(runs) + wild)


def _telling(values: np.ndarray) -> Telling:
    return Telling(values=values.tolist(), variances=[BLOCK_ERROR**2] * len(values))


def decided(cells: list[Cell], which: slice = slice(None)) -> list[Levels]:
    """Return what is decided of some of a history's cells."""
    for row in range(ROWS):
        of_row = cells[row::ROWS]
        for number in range(len(of_row[0])):
            least = erratic_variance([cell[number].values for cell in of_row])
            for cell in of_row:
                cell[number] = replace(cell[number], least_variance=least)
    return [level_changes(cell, LEVEL / len(cells)) for cell in cells[which]]


def main(histories: int) -> None:
    for runs, cells in SIZES:
        for name, kind in KINDS.items():
            draw = np.random.default_rng((runs, cells))
            without = [decided(history(draw, kind, runs, cells, 0.0)) for _ in range(histories)]
            false = sum(any(levels.changes for levels in each) for each in without) / histories
            found = 0
            for _ in range(histories):
                stepped = history(draw, kind, runs, cells, STEP)
                (levels,) = decided(stepped, slice(1, 2))
                changes = levels.changes
                found += any(abs(change.index - runs // 2) <= 1 for change in changes)
            print(
                f"{runs} runs, {cells} cells, {name}: {100 * false:.1f} % show a change without "
                f"one, {100 * found / histories:.0f} % find the step",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1000)
