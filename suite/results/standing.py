"""Who is fastest in a scenario, if that can be said; otherwise why it cannot.

Every table, plot and page asks here. A winner is one whose intervals say so: the ratio of
each rival's time to its own leaves 1 out, over the blocks that both took part in. Nobody wins
while others took the cores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from suite.results.cell import Block, CellResult, Status
from suite.stats.intervals import (
    LEAST_BLOCKS,
    Interval,
    block_median_s,
    log_interval,
    no_interval,
)

FAR = 2.0
"""How far beyond an interval is far: blocks of one machine spread by less."""
UNDECIDED = "undecided"
NONE_PASSED = "none passed"


@dataclass(frozen=True, slots=True)
class Standing:
    """The outcome of one scenario."""

    leader: CellResult | None
    """The passed cell with the least time, whether or not that is beyond chance."""
    why_undecided: str
    """Why the leader is no winner; empty where it is one."""
    level: tuple[CellResult, ...] = ()
    """The leader, and those that it is not faster than beyond chance; empty while others took the
    cores."""

    @property
    def winner(self) -> CellResult | None:
        return None if self.why_undecided else self.leader


def standing(results: Iterable[CellResult]) -> Standing:
    """Return who is fastest among the cells of one scenario.

    Args:
        results: of one scenario; those that did not pass take no part.
    """
    passed = [result for result in results if result.status is Status.PASSED]
    if not passed:
        return Standing(None, NONE_PASSED)
    leader, *rivals = sorted(passed, key=_time_s)
    disturbed = [result.implementation for result in (leader, *rivals) if result.is_disturbed]
    if disturbed:
        return Standing(leader, f"{_listed(disturbed)} disturbed")
    level = (leader, *(rival for rival in rivals if not is_faster(leader, rival)))
    return Standing(leader, _why_undecided(level), level)


def _why_undecided(level: Sequence[CellResult]) -> str:
    if len(level) == 1:
        return ""
    count = min(len(result.blocks) for result in level)
    if count < LEAST_BLOCKS:
        return no_interval(count)
    return f"{_listed([result.implementation for result in level])} are level"


def is_faster(first: CellResult, second: CellResult) -> bool:
    """Return whether the first cell is faster beyond chance.

    A slow row may have too few blocks for an interval; it is behind where even its least sample is
    far beyond the other's interval.
    """
    ratio = lead(first, second)
    if ratio.low is not None:
        return ratio.low > 1
    high_s = _interval(first).high
    least_s = min(min(block.samples_s) for block in second.blocks)
    return high_s is not None and least_s > FAR * high_s


def lead(first: CellResult, second: CellResult) -> Interval:
    """Return the second cell's time over the first's, from the blocks that they share.

    From their own intervals where those are too few; without ends where one has none.
    """
    ratios = _paired_ratios(first, second)
    if len(ratios) >= LEAST_BLOCKS:
        return log_interval(ratios)
    return _interval(second).over(_interval(first))


def _paired_ratios(first: CellResult, second: CellResult) -> list[float]:
    """Return the second's time over the first's in every block in which both took turns.

    Every block knows the reference's time in it. Of others the blocks are told by the seed of
    their operands.
    """
    if second.implementation == first.reference and (speedups := _speedups(first)):
        return speedups
    if first.implementation == second.reference and (speedups := _speedups(second)):
        return [1 / speedup for speedup in speedups]
    own_s, theirs_s = _medians_by_seed(first), _medians_by_seed(second)
    return [theirs_s[seed] / own_s[seed] for seed in own_s if seed in theirs_s]


def _speedups(result: CellResult) -> list[float]:
    return [
        block.reference_s / _median_s(block)
        for block in result.blocks
        if block.reference_s is not None
    ]


def _medians_by_seed(result: CellResult) -> dict[str, float]:
    """Return each block's time by the seed of its operands; nothing where seeds repeat."""
    medians_s = {block.seed.partition("-")[0]: _median_s(block) for block in result.blocks}
    return medians_s if len(medians_s) == len(result.blocks) else {}


def _median_s(block: Block) -> float:
    return block_median_s(block.samples_s)


def _interval(result: CellResult) -> Interval:
    return log_interval([_median_s(block) for block in result.blocks])


def _time_s(result: CellResult) -> float:
    return _interval(result).value


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
