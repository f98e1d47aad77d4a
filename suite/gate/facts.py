"""What needs no repetition: right, accurate, how much memory, which operators, which algorithm.

Two revisions are held against each other on the same inputs; each difference that is for the
worse is a finding. What got better is no finding: improvements never fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from suite.conditions import UNIT_ROUNDOFF
from suite.results.cell import Status
from suite.workload import Sketch

ACCURACY_FACTOR = 1.5
"""A relative L2 error that grows by more is worse; equal code on equal data repeats its error, and
threads that add in another order change it by a few percent."""
MEMORY_SHARE = 0.02
MEMORY_BYTES = 2**20
"""A peak that grows by less than the larger of both is the system's bookkeeping in pages; an arena
that the allocator opens for a thread has been seen to take a third of a megabyte."""


class Check(StrEnum):
    CORRECTNESS = "correctness"
    COVERAGE = "coverage"
    OUTPUTS = "outputs"
    ACCURACY = "accuracy"
    MEMORY = "memory"
    OPERATORS = "operators"
    ALGORITHM = "algorithm"


WRONG = (Check.CORRECTNESS, Check.COVERAGE, Check.OUTPUTS)
"""Findings that mean wrong results or none; the others mean worse ones."""
ACCEPTABLE = tuple(check for check in Check if check is not Check.CORRECTNESS)
"""Findings that may be meant, so that they can be accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What one revision showed in one cell. None: not found out, or not there."""

    status: Status
    reason: str = ""
    rel_l2_error: float | None = None
    worst_error_ratio: float | None = None
    peak_bytes: int | None = None
    """The least of several calls' high-water marks: the allocator's history adds to some."""
    most_peak_bytes: int | None = None
    operators: tuple[str, ...] | None = None
    """Names of torch's operators that one call runs, in order."""
    vendor: str | None = None
    """The convolution of torch's own that did the work."""
    outputs: int | None = None
    """How many numbers a network returns."""
    sketch: Sketch | None = None
    """What a network returns for inputs that are always the same; each is right by its own
    float64 result, and this tells whether that is another one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One way in which head is worse than base."""

    check: Check
    text: str


def findings(base: Facts, head: Facts, dtype: str) -> list[Finding]:
    """Return how head is worse than base, time apart."""
    if head.status is not Status.PASSED:
        return [] if base.status is not Status.PASSED else [_broken(head)]
    if base.status is not Status.PASSED:
        return []
    return [
        *_other_outputs(base, head),
        *_less_accurate(base, head, dtype),
        *_larger(base, head),
        *_more_operators(base, head),
        *_other_algorithm(base, head),
    ]


def _broken(head: Facts) -> Finding:
    check = Check.COVERAGE if head.status is Status.UNSUPPORTED else Check.CORRECTNESS
    return Finding(check=check, text=f"{head.status.value.replace('_', ' ')}: {head.reason}")


def _other_outputs(base: Facts, head: Facts) -> Iterator[Finding]:
    if base.outputs != head.outputs and None not in (base.outputs, head.outputs):
        text = f"the model returns {head.outputs:,} numbers, {base.outputs:,} before"
        yield Finding(check=Check.OUTPUTS, text=text)
    elif base.sketch and head.sketch and not base.sketch.is_alike(head.sketch):
        distance = base.sketch.distance(head.sketch)
        yield Finding(
            check=Check.OUTPUTS,
            text=f"the model returns other numbers: {distance:.1g} of their size apart, "
            f"in {head.sketch.dtype} on the same inputs",
        )


def _less_accurate(base: Facts, head: Facts, dtype: str) -> Iterator[Finding]:
    if base.rel_l2_error is None or head.rel_l2_error is None:
        return
    # Errors below a rounding are all alike.
    if head.rel_l2_error > ACCURACY_FACTOR * max(base.rel_l2_error, UNIT_ROUNDOFF[dtype]):
        yield Finding(
            check=Check.ACCURACY,
            text=f"relative L2 error {base.rel_l2_error:.2g} → {head.rel_l2_error:.2g}",
        )


def _larger(base: Facts, head: Facts) -> Iterator[Finding]:
    before, after = base.most_peak_bytes, head.peak_bytes
    if before is None or after is None:
        return
    # The least of head's calls over the most of base's: equal code has both kinds on both sides.
    if after - before > max(MEMORY_BYTES, MEMORY_SHARE * before):
        yield Finding(
            check=Check.MEMORY,
            text=f"peak memory {before / 2**20:.2f} → {after / 2**20:.2f} MiB",
        )


def _more_operators(base: Facts, head: Facts) -> Iterator[Finding]:
    if base.operators is None or head.operators is None:
        return
    if len(head.operators) > len(base.operators):
        added = list(head.operators)
        for name in base.operators:
            if name in added:
                added.remove(name)
        names = f": {', '.join(sorted(set(added)))}" if added else ""
        yield Finding(
            check=Check.OPERATORS,
            text=f"operator calls {len(base.operators)} → {len(head.operators)}{names}",
        )


def _other_algorithm(base: Facts, head: Facts) -> Iterator[Finding]:
    # Leaving the vendor's convolution for one's own is a rewrite, which the other checks judge.
    if base.vendor and head.vendor and base.vendor != head.vendor:
        yield Finding(check=Check.ALGORITHM, text=f"vendor algorithm {base.vendor} → {head.vendor}")
