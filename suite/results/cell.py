"""What is known about a cell after it ran: status, residuals, raw samples. No statistics here.

Absent values are None, never 0 or -1. A result that is not `passed` carries no times, and
`CellResult` refuses to be built otherwise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from suite.errors import Defect
from suite.ranges import (
    Amount,
    AnyFloat,
    AtLeastOne,
    CallSeconds,
    Count,
    Misfit,
    Rate,
    Seconds,
    Within,
)
from suite.records import from_plain
from suite.results.card_state import CardState
from suite.results.contention import Contention
from suite.results.kernels import WhatRan
from suite.results.network_parts import NetworkParts
from suite.workload import AnyScenario

Error = Annotated[float, Within(0, finite=False)]
"""Of what an implementation computed: infinite or NaN where its outputs are."""


class Status(StrEnum):
    PASSED = "passed"
    INCORRECT = "incorrect"
    IMPLAUSIBLE = "implausible"
    UNSUPPORTED = "unsupported"
    ERROR = "error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    LOST = "lost"
    """Every worker of a fleet that had it was lost. Never in a run that was finished since."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """What one fresh process measured in one cell. Blocks are the independent observations.

    Raises:
        Misfit: no samples.
    """

    samples_s: tuple[CallSeconds, ...]
    """Seconds per call, one entry a sample."""
    calls_per_sample: AtLeastOne
    seed: str
    """Hexadecimal seeds of the block's operands and streams, and of its timed calls' starts."""
    reference_s: CallSeconds | None = None
    """Median seconds per call of the reference implementation in the same block."""
    prepare_s: Seconds | None = None
    besides_share: Annotated[float, Within(0)] | None = None
    """Of a core, that this cell's processes took while they had nothing to do; None if unseen."""
    cards: tuple[CardState, ...] = ()
    """The GPU after each turn, where there is one and it tells."""
    contention: Contention | None = None
    """What else used the cores meanwhile; None where nobody looked."""

    @property
    def is_disturbed(self) -> bool:
        return self.contention is not None and self.contention.disturbed

    def __post_init__(self) -> None:
        if not self.samples_s:
            raise Misfit("found none, expected one or more", "samples_s")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorstElement:
    """The element of an output that is furthest beyond (or nearest to) its bound."""

    index: tuple[Count, ...]
    got: AnyFloat
    expected: AnyFloat
    bound: AnyFloat


@dataclass(frozen=True, kw_only=True, slots=True)
class Residuals:
    """How far an output is from float64, over all gate inputs."""

    rel_l2_error: Error
    worst_error_ratio: Error
    """Largest error over its allowed bound: above 1 is incorrect."""
    worst: WorstElement | None = None


def worst_of(by_kind: Mapping[str, Residuals]) -> Residuals | None:
    """Return the largest residuals of several kinds of gate input.

    The relative L2 error is that of normal inputs where there were any: integers have none, and
    against spikes it measures the spike.
    """
    if not by_kind:
        return None
    worst = max(by_kind.values(), key=lambda residuals: residuals.worst_error_ratio)
    usual = [by_kind["normal"]] if "normal" in by_kind else list(by_kind.values())
    return Residuals(
        rel_l2_error=max(residuals.rel_l2_error for residuals in usual),
        worst_error_ratio=worst.worst_error_ratio,
        worst=worst.worst,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceiling:
    """What the machine reached on simple work, measured in the same run."""

    peak_flops_per_s: Rate
    """The larger of a matrix product's and, on CPUs, a deep convolution's rate."""
    memory_bytes_per_s: Rate
    """Large copy, bytes read and written."""
    cache_bytes_per_s: Rate
    """The same for a copy that fits into the caches."""

    def raised_to(self, other: Ceiling) -> Ceiling:
        """Return the higher of two measurements of each ceiling."""
        return Ceiling(
            peak_flops_per_s=max(self.peak_flops_per_s, other.peak_flops_per_s),
            memory_bytes_per_s=max(self.memory_bytes_per_s, other.memory_bytes_per_s),
            cache_bytes_per_s=max(self.cache_bytes_per_s, other.cache_bytes_per_s),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class CellResult:
    """One scenario × one implementation.

    Raises:
        Defect: blocks on a result that is not `passed`, or none on one that is.
    """

    scenario: AnyScenario
    implementation: str
    family: str
    status: Status
    reason: str = ""
    """Why it is not `passed`; empty otherwise."""
    reference: str = "torch"
    """The implementation that speed-ups are measured against."""
    blocks: tuple[Block, ...] = ()
    """Those that count: undisturbed ones, or disturbed ones alone where there is no other."""
    set_aside: tuple[Block, ...] = ()
    """Disturbed blocks in whose place others count."""
    residuals: Residuals | None = None
    threads: AtLeastOne | None = None
    precision: str | None = None
    error_factor: Annotated[float, Within(0, 1e9)] | None = None
    peak_bytes: Count | None = None
    """Extra memory at the high-water mark of one call, output included."""
    workspace_bytes: Count | None = None
    """The implementation's own formula."""
    executed_flops: Amount | None = None
    measured_workspace_bytes: Count | None = None
    """What torch's allocator gave out at the peak of one call beyond the output; GPUs only."""
    joules_per_call: Annotated[float, Within(0, 1e12)] | None = None
    """Above idling; measured only when asked for."""
    ran: WhatRan | None = None
    """The kernels of one call, as far as the profiler or oneDNN tells."""
    deterministic: bool | None = None
    operators: tuple[str, ...] | None = None
    """torch's operators that one call runs, in order; None where not looked at."""
    vendor: str | None = None
    """The convolution of torch's own that did the work, if one did."""
    ceiling: Ceiling | None = None
    parts: NetworkParts | None = None
    """Of a network: where a pass goes, as far as its modules can be told apart."""
    notes: tuple[str, ...] = ()
    """Things to know that are no failure: restored global state, a disturbed block."""
    machine: str | None = None
    """The host it was measured on, of a run on many; None: on the one that the manifest tells."""

    def __post_init__(self) -> None:
        if (self.status is Status.PASSED) != bool(self.blocks):
            raise Defect(f"{self.key}: status {self.status} with {len(self.blocks)} blocks")

    @property
    def is_disturbed(self) -> bool:
        """Whether others took the cores in all of its blocks, so that its times say little."""
        return any(block.is_disturbed for block in self.blocks)

    @property
    def status_words(self) -> str:
        """Return the status as a person reads it: "passed, disturbed"."""
        return f"{self.status.value}, disturbed" if self.is_disturbed else self.status.value

    @property
    def key(self) -> str:
        """What identifies the cell within a run and across runs."""
        return cell_key(self.scenario.id, self.implementation)

    def to_dict(self) -> dict[str, Any]:
        """Return it for a file. A run on one machine is written as older versions read it."""
        record = dataclasses.asdict(self)
        if self.machine is None:
            del record["machine"]
        return record

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> CellResult:
        """Return a result as it was written.

        Raises:
            Misfit: it is none, or a damaged one.
        """
        return from_plain(cls, record)


def cell_key(scenario_id: str, implementation: str) -> str:
    return f"{scenario_id} × {implementation}"
