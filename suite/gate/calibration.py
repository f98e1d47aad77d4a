"""What blocks of the same code say about a machine: how much they differ, and what can be seen.

All arms run the same code, so that every "regressed" is a false alarm, and the spread of the
paired log-ratios is the noise that a real gate has to see through.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations

from suite.gate.calibrated import Calibration, CellCalibration, FalseAlarms
from suite.gate.decision import LEAST_TO_TELL, CellTimes, Decision, Request
from suite.gate.rule import Rule
from suite.gate.verdict import Verdict
from suite.stats.components import Component
from suite.stats.null_cells import NullCell, bias_variance
from suite.stats.paired import Difference, trimmed_mean

Block = Mapping[str, CellTimes]

ARMS = ("base_s", "head_s", "null_s")
LEAST_BLOCKS = 8


def calibrate(blocks: Sequence[Block], rule: Rule, wished: float, block_s: float) -> Calibration:
    """Return what blocks with three arms of the same code show.

    Args:
        blocks: at least `LEAST_BLOCKS`; all with the null arm.
        wished: the slowdown beyond the margin's lower half that is to be seen: 0.05 is 5 %.
        block_s: seconds that a block of two arms takes.

    Raises:
        ValueError: too few blocks, or others took the cores in too many of every cell's.
    """
    if len(blocks) < LEAST_BLOCKS or not steady_cells(blocks):
        raise ValueError(f"{len(blocks)} blocks, {LEAST_BLOCKS} are the least")
    names = steady_cells(blocks)
    bias = _bias(blocks, names)
    return Calibration(
        margin=rule.margin,
        most_blocks=rule.most_blocks,
        screen_blocks=rule.screen_blocks,
        cells=tuple(_cell(cell, blocks, bias, rule, wished) for cell in names),
        bias=math.sqrt(bias.variance),
        false_alarms=_false_alarms(blocks, names, rule),
        block_s=block_s,
    )


def steady_cells(blocks: Sequence[Block]) -> list[str]:
    """Return the cells that are in every block, and undisturbed in enough of them."""
    return [
        cell
        for cell in blocks[0]
        if all(cell in block for block in blocks)
        and sum(not block[cell].disturbed for block in blocks) >= LEAST_TO_TELL
    ]


def _ratios(cell: str, blocks: Sequence[Block], of: str, over: str) -> list[float]:
    ratios = []
    for block in blocks:
        if block[cell].disturbed:
            continue
        top, bottom = getattr(block[cell], of), getattr(block[cell], over)
        if top is not None and bottom is not None:
            ratios.append(math.log(top / bottom))
    return ratios


def _base_s(cell: str, blocks: Sequence[Block]) -> float:
    return statistics.median(b[cell].base_s for b in blocks if not b[cell].disturbed)


def _bias(blocks: Sequence[Block], names: Sequence[str]) -> Component:
    """Return the variance of the bias by all cells, as the gate's null arm estimates it."""
    nulls = []
    for cell in names:
        mean, own = trimmed_mean(_ratios(cell, blocks, "head_s", "base_s"))
        base_s = _base_s(cell, blocks)
        nulls.append(NullCell(base_s=base_s, mean=mean, variance=own.variance))
    typical_s = statistics.median(null.base_s for null in nulls)
    return bias_variance(nulls, typical_s)


def _cell(
    cell: str, blocks: Sequence[Block], bias: Component, rule: Rule, wished: float
) -> CellCalibration:
    ratios = _ratios(cell, blocks, "head_s", "base_s")
    base_s = _base_s(cell, blocks)
    variance = trimmed_mean(ratios)[1].variance * len(ratios)
    limit = rule.limit(base_s)
    visible = _visible(variance, bias, rule.most_blocks, limit, rule)
    needed = next(
        (
            count
            for count in range(rule.least_blocks, 1000)
            if _visible(variance, bias, count, limit, rule) <= math.log1p(wished)
        ),
        None,
    )
    return CellCalibration(
        cell=cell,
        base_s=base_s,
        blocks=len(ratios),
        spread=math.sqrt(variance),
        visible=math.expm1(visible),
        blocks_wished=needed,
    )


def _visible(variance: float, bias: Component, blocks: int, limit: float, rule: Rule) -> float:
    """Return the smallest log-ratio beyond `limit` that so many blocks see."""
    own = Component(variance=variance / blocks, degrees=blocks - 1)
    return Difference.with_errors(0.0, own, bias).visible_beyond(limit, rule.level, rule.power)


def _false_alarms(blocks: Sequence[Block], names: Sequence[str], rule: Rule) -> FalseAlarms:
    """Let the gate decide on every ordered pair of arms, from every screen's length on."""
    verdicts: list[list[Verdict]] = []
    last = len(blocks) - rule.screen_blocks
    for start in range(0, last + 1, rule.screen_blocks):
        for seed, (base, head, null) in enumerate(permutations(ARMS)):
            decision = Decision(names, rule, seed=seed)
            replay(decision, [_roles(block, names, base, head, null) for block in blocks[start:]])
            verdicts.append([time.verdict for time in decision.verdicts().values()])
    flat = [verdict for run in verdicts for verdict in run]
    return FalseAlarms(
        runs=len(verdicts),
        runs_failing=sum(Verdict.REGRESSED in run for run in verdicts),
        cells=len(flat),
        cells_flagged=flat.count(Verdict.REGRESSED),
        undecided=flat.count(Verdict.CANNOT_TELL),
    )


def _roles(block: Block, names: Sequence[str], base: str, head: str, null: str) -> Block:
    return {
        cell: CellTimes(
            base_s=getattr(block[cell], base),
            head_s=getattr(block[cell], head),
            null_s=getattr(block[cell], null),
            disturbed=block[cell].disturbed,
        )
        for cell in names
    }


def replay(decision: Decision, blocks: Iterable[Mapping[str, CellTimes]]) -> list[Request]:
    """Feed `blocks` in order until the decision wants no more or they end.

    Of each block it gets what it would have measured: the cells it asks for, the null arm where
    it asks for that.

    Returns:
        What it asked for, one request a block that was used.
    """
    asked = []
    for block in blocks:
        request = decision.next_block()
        if request is None:
            break
        decision.add(
            {cell: _as_asked(block, cell, request) for cell in request.cells if cell in block}
        )
        asked.append(request)
    return asked


def _as_asked(block: Mapping[str, CellTimes], cell: str, request: Request) -> CellTimes:
    times = block[cell]
    return times if cell in request.with_null else dataclasses.replace(times, null_s=None)
