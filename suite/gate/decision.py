"""From blocks to verdicts, in two stages; driven live or from recorded samples.

    decision = Decision(cells, rule)
    while request := decision.next_block():
        decision.add({cell: CellTimes(...) for cell in request.cells})
    decision.verdicts()

The screen measures all cells in a few blocks and clears those that are surely within the margin.
What is left are suspects: they get fresh blocks, and only these count, because the screen's were
chosen for how they look. How many is planned from the screen's spread, so that neither choice
nor number depends on the data that decide.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from suite.gate.rule import Rule
from suite.gate.verdict import Stage, TimeVerdict, Verdict
from suite.stats.components import Component
from suite.stats.false_discovery import adjusted_p
from suite.stats.null_cells import NullCell, bias_variance
from suite.stats.paired import (
    Difference,
    difference,
    hodges_lehmann,
    share_above,
    trimmed_mean,
)

LEAST_TO_TELL = 4
"""Fewer blocks give no verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellTimes:
    """One cell in one block: medians, in seconds per call."""

    base_s: float
    head_s: float
    null_s: float | None = None
    """The second checkout of the base, where it took part."""
    disturbed: bool = False
    """Others took the cores meanwhile: the block counts for nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """The next block: which cells, and which of them with the null arm."""

    stage: Stage
    number: int
    """Within the stage, from 0."""
    cells: tuple[str, ...]
    with_null: frozenset[str]


@dataclass
class _Evidence:
    """One cell's blocks in one stage."""

    ratios: list[float] = field(default_factory=list)
    nulls: list[float] = field(default_factory=list)
    base_s: list[float] = field(default_factory=list)
    head_s: list[float] = field(default_factory=list)
    disturbed: int = 0
    """Blocks in which others took the cores; nothing is concluded from them."""

    def add(self, times: CellTimes) -> None:
        if times.disturbed:
            self.disturbed += 1
            return
        self.base_s.append(times.base_s)
        self.head_s.append(times.head_s)
        self.ratios.append(math.log(times.head_s / times.base_s))
        if times.null_s is not None:
            self.nulls.append(math.log(times.null_s / times.base_s))

    @property
    def tells(self) -> bool:
        return len(self.ratios) >= LEAST_TO_TELL

    @property
    def why_too_few(self) -> str:
        """Return why these blocks give no verdict."""
        measured = len(self.ratios) + self.disturbed
        if self.disturbed:
            return (
                f"others took the cores in {self.disturbed} of {measured} blocks, and "
                f"{LEAST_TO_TELL} undisturbed ones are the least"
            )
        return f"{measured} blocks measured, {LEAST_TO_TELL} are the least"


class Decision:
    """State of one gate run."""

    def __init__(self, cells: Sequence[str], rule: Rule, seed: int | None = None) -> None:
        self.rule = rule
        self._random = random.Random(seed)
        self._cells = list(cells)
        self._stage = Stage.SCREEN
        self._number = 0
        self._evidence: dict[Stage, dict[str, _Evidence]] = {
            stage: {cell: _Evidence() for cell in cells} for stage in Stage
        }
        self._planned: dict[str, int] = {}
        self._left_out: set[str] = set()
        self._with_null = self._draw_null(self._cells)
        self._nulls: dict[tuple[Stage, str], NullCell] | None = None
        self._usual_variance: float | None = None

    # -- driving -------------------------------------------------------------------------------

    def next_block(self) -> Request | None:
        """Return what to measure next, None when all is decided or cannot be."""
        if self._stage is Stage.SCREEN and self._number >= self.rule.screen_blocks:
            self._begin_confirming()
        cells = self._wanting()
        if not cells:
            return None
        with_null = frozenset(self._with_null & set(cells))
        return Request(
            stage=self._stage, number=self._number, cells=tuple(cells), with_null=with_null
        )

    def add(self, block: Mapping[str, CellTimes]) -> None:
        """Take in a block; a requested cell that is not in it has failed there and then."""
        self._nulls = self._usual_variance = None
        for cell, times in block.items():
            self._evidence[self._stage][cell].add(times)
        self._number += 1

    def drop(self, cell: str) -> None:
        """Ask for no more blocks of a cell: one of its arms failed."""
        self._cells.remove(cell)

    def afford(self, cell_blocks: int) -> None:
        """Leave out suspects until what is planned takes at most so many cells × blocks.

        Those that look least like a regression go first, by the screen alone. They are then
        undecided.
        """
        if self._stage is Stage.SCREEN:
            self._begin_confirming()
        suspects = sorted(self._wanting(), key=self._screen_p, reverse=True)
        total = sum(self._planned[cell] - self._number for cell in suspects)
        for cell in suspects[:-1]:
            if total <= cell_blocks:
                return
            total -= self._planned[cell] - self._number
            self._left_out.add(cell)

    @property
    def planned_cell_blocks(self) -> int:
        """Cells × blocks that are still to come in this stage."""
        if self._stage is Stage.SCREEN:
            return len(self._cells) * max(0, self.rule.screen_blocks - self._number)
        return sum(self._planned[cell] - self._number for cell in self._wanting())

    def _wanting(self) -> list[str]:
        if self._stage is Stage.SCREEN:
            return list(self._cells)
        return [
            cell
            for cell in self._cells
            if self._number < self._planned.get(cell, 0) and cell not in self._left_out
        ]

    def _draw_null(self, cells: Collection[str], not_again: Collection[str] = ()) -> set[str]:
        """Choose which part the null arm takes: by chance, those that had it before come last."""
        wanted = math.ceil(self.rule.null_share * len(cells))
        order = sorted(cells, key=lambda cell: (cell in not_again, self._random.random()))
        return set(order[:wanted])

    def _begin_confirming(self) -> None:
        suspects = [
            cell
            for cell in self._cells
            if self._screened(cell).tells and not self._is_cleared(cell)
        ]
        self._planned = {cell: self._blocks_needed(cell) for cell in suspects}
        self._stage, self._number = Stage.CONFIRM, 0
        self._with_null = self._draw_null(suspects, not_again=self._with_null)

    # -- the screen ----------------------------------------------------------------------------

    def _screened(self, cell: str) -> _Evidence:
        return self._evidence[Stage.SCREEN][cell]

    def _is_cleared(self, cell: str) -> bool:
        change = self._difference(cell, Stage.SCREEN)
        return change.above(1 - self.rule.level) < self._limit(cell)

    def _screen_p(self, cell: str) -> float:
        return self._difference(cell, Stage.SCREEN).p_above(0.0)

    def _blocks_needed(self, cell: str) -> int:
        """Return the blocks at which the wished change is seen, going by the screen's spread."""
        rule, base_s = self.rule, self._base_s(cell)
        gap = rule.wished(base_s) - rule.limit(base_s)
        # Normal quantiles 1.64 and 1.28, and more for Student's and for other suspects beside it.
        needed = math.ceil((3.6 * self._block_spread(cell) / gap) ** 2)
        return max(min(rule.least_blocks, rule.most_blocks), min(needed, rule.most_blocks))

    def _block_spread(self, cell: str) -> float:
        """Return the standard deviation between blocks: the cell's own and the usual one, half
        each, because six blocks alone know it badly."""
        own = self._own_variance(cell)
        if self._usual_variance is None:
            self._usual_variance = statistics.median(
                self._own_variance(c)
                for c, evidence in self._evidence[Stage.SCREEN].items()
                if evidence.tells
            )
        return math.sqrt((own + self._usual_variance) / 2)

    def _own_variance(self, cell: str) -> float:
        ratios = self._screened(cell).ratios
        return trimmed_mean(ratios)[1].variance * len(ratios)

    # -- verdicts ------------------------------------------------------------------------------

    def verdicts(self) -> dict[str, TimeVerdict]:
        """Return every cell's verdict by what is known now."""
        tested = {
            cell: self._difference(cell, Stage.CONFIRM)
            for cell, evidence in self._evidence[Stage.CONFIRM].items()
            if evidence.tells and cell in self._planned
        }
        p = {cell: change.p_above(self._limit(cell)) for cell, change in tested.items()}
        # A suspect that got no blocks of its own still counts as one that was looked at.
        adjusted = adjusted_p(p, family=max(len(self._planned), len(p)))
        return {cell: self._verdict(cell, adjusted) for cell in self._evidence[Stage.SCREEN]}

    def _verdict(self, cell: str, adjusted: Mapping[str, float]) -> TimeVerdict:
        stage = Stage.CONFIRM if cell in adjusted else Stage.SCREEN
        evidence = self._evidence[stage][cell]
        if not evidence.tells:
            why = evidence.why_too_few
            return TimeVerdict(
                verdict=Verdict.CANNOT_TELL, stage=stage, why=why, disturbed=evidence.disturbed
            )
        change, limit = self._difference(cell, stage), self._limit(cell)
        verdict, why = self._judged(cell, stage, change, adjusted)
        high = change.above(1 - self.rule.level)
        return TimeVerdict(
            verdict=verdict,
            why=why,
            stage=stage,
            blocks=len(evidence.ratios),
            disturbed=sum(stages[cell].disturbed for stages in self._evidence.values()),
            base_s=_typical(evidence.base_s),
            head_s=_typical(evidence.head_s),
            ratio=math.exp(change.mean),
            ratio_low=math.exp(change.below(1 - self.rule.level)),
            ratio_high=math.exp(high),
            margin=math.expm1(limit),
            adjusted_p=adjusted.get(cell),
            smallest_visible=self._smallest_visible(cell, stage, change, adjusted),
            bias=math.sqrt(self._bias(cell).variance),
            improved=self._is_improved(change, limit),
        )

    def _judged(
        self, cell: str, stage: Stage, change: Difference, adjusted: Mapping[str, float]
    ) -> tuple[Verdict, str]:
        """Return the verdict, and why it is neither regressed nor fine if so."""
        limit, rule = self._limit(cell), self.rule
        if change.above(1 - rule.level) < limit:
            return Verdict.FINE, ""
        if stage is Stage.SCREEN:
            fresh = self._evidence[Stage.CONFIRM][cell]
            late = "the time did not suffice for fresh blocks"
            return Verdict.CANNOT_TELL, fresh.why_too_few if fresh.disturbed else late
        if adjusted[cell] > rule.level:
            return Verdict.CANNOT_TELL, "the interval reaches to both sides of the margin"
        ratios = self._evidence[stage][cell].ratios
        if hodges_lehmann(ratios) <= limit:
            return Verdict.CANNOT_TELL, "the median of the blocks' pairwise means is within it"
        if share_above(ratios) < rule.same_sign:
            return Verdict.CANNOT_TELL, f"slower in only {share_above(ratios):.0%} of the blocks"
        return Verdict.REGRESSED, ""

    def _is_improved(self, change: Difference, limit: float) -> bool:
        """Return whether head is faster by more than the margin, all cells taken into account."""
        return change.above(1 - self.rule.level / len(self._evidence[Stage.SCREEN])) < -limit

    def _smallest_visible(
        self, cell: str, stage: Stage, change: Difference, adjusted: Mapping[str, float]
    ) -> float:
        """Return the smallest slowdown that would have been seen, 0.03 for 3 %.

        For a suspect by the blocks it got; for a cell that the screen cleared by those it would
        have got as the only suspect.
        """
        level = self.rule.level
        if stage is Stage.CONFIRM:
            caught = sum(p <= level for p in adjusted.values())
            level *= min(caught + 1, len(self._planned)) / len(self._planned)
        else:
            blocks, bias = self._blocks_needed(cell), self._bias(cell)
            own = Component(variance=self._block_spread(cell) ** 2 / blocks, degrees=blocks - 1)
            change = Difference.with_errors(change.mean, own, bias)
        return math.expm1(change.visible_beyond(self._limit(cell), level, self.rule.power))

    def _difference(self, cell: str, stage: Stage) -> Difference:
        return difference(self._evidence[stage][cell].ratios, self._bias(cell))

    def _base_s(self, cell: str) -> float:
        return _typical(self._screened(cell).base_s)

    def _limit(self, cell: str) -> float:
        return self.rule.limit(self._base_s(cell))

    # -- the null arm --------------------------------------------------------------------------

    def null_cells(self) -> dict[tuple[Stage, str], NullCell]:
        """Return what the null arm showed, by stage and cell."""
        if self._nulls is None:
            self._nulls = self._null_cells()
        return self._nulls

    def _null_cells(self) -> dict[tuple[Stage, str], NullCell]:
        nulls = {}
        for stage, cells in self._evidence.items():
            for cell, evidence in cells.items():
                if len(evidence.nulls) >= LEAST_TO_TELL:
                    mean, own = trimmed_mean(evidence.nulls)
                    nulls[stage, cell] = NullCell(
                        base_s=_typical(evidence.base_s), mean=mean, variance=own.variance
                    )
        return nulls

    def _bias(self, cell: str) -> Component:
        return bias_variance(self.null_cells().values(), self._base_s(cell))


def _typical(seconds: Sequence[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in seconds))
