"""What profiling found out about one cell. Plain data, absent is None."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from suite.errors import UsageError
from suite.records import from_plain
from suite.results.cell import cell_key

PROFILE_VERSION = 1
FOLDER = "profiles"
"""Below the run's folder: a folder a cell for traces and pages."""
PARTS = ("phases", "operators", "threads", "python", "counters", "memory", "instructions")
"""What is looked at, in this order, each on its own: one may fail and leave the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phases:
    """Where a call's time goes by the implementation's own marks."""

    unprofiled_s: float
    """Seconds per call without anyone listening, measured in turns with the calls below."""
    phases_s: dict[str, float]
    """Phase → seconds per call, in the order in which they first began; empty without marks."""
    unmarked_s: float
    """What lies between the marks: arguments, shapes, the call itself."""
    calls: int

    def share(self, name: str) -> float | None:
        """Return a phase's share of the unprofiled time, None where there is no such mark."""
        seconds = self.phases_s.get(name)
        return None if seconds is None else seconds / self.unprofiled_s

    @property
    def unmarked_share(self) -> float:
        return self.unmarked_s / self.unprofiled_s

    @property
    def total_share(self) -> float:
        """All phases and what lies between them, over the unprofiled time: 1 but for noise."""
        return (sum(self.phases_s.values()) + self.unmarked_s) / self.unprofiled_s


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorRow:
    """One of torch's operators, per call of the implementation."""

    name: str
    calls: float
    self_s: float
    """Without the operators that it called."""
    total_s: float
    allocated_bytes: int
    device_s: float | None = None
    """What its own kernels took on the GPU; None on the CPU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StackNode:
    """A place in the tree of phases, functions and operators; children follow their parent."""

    name: str
    parent: int | None
    total_s: float
    """Seconds per call, children included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Operations and bytes of one call."""

    executed_flops: float | None
    flops_source: str
    """Where the number comes from: "closed form", "torch's counter" or ""."""
    counted_flops: int | None
    """By torch's formulas from the operators that ran: products and convolutions only."""
    moved_bytes: int
    bytes_source: str
    """"operators" or "formula": what operators read and wrote, or least bytes and workspace."""
    note: str
    """How the two counts of operations agree."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operators:
    """What torch's profiler saw of a call."""

    call_s: float
    """Seconds per call while the profiler looked on."""
    operators: float
    """How many of torch's operators a call runs, nested ones not counted."""
    rows: tuple[OperatorRow, ...]
    stacks: tuple[StackNode, ...]
    counts: Counts
    overhead_s: float | None
    """What a call costs whatever the size: the larger of the smallest problem's time and of the
    operators' dispatch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveBytes:
    """Live bytes of a call over its time, split by what they hold. Equally long tuples."""

    at_s: tuple[float, ...]
    input: tuple[int, ...]
    weight: tuple[int, ...]
    """Bias and packed copies included."""
    output: tuple[int, ...]
    workspace: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.at_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Memory of one call after it has warmed up."""

    timeline: LiveBytes
    peak_bytes: int
    """Output and workspace at their highest: what the call adds to its operands."""
    workspace_bytes: int
    """The workspace alone at its highest."""
    outside_bytes: int
    """What the process held at its highest beyond what torch's allocators gave out."""
    system_peak_bytes: int | None
    """The same peak by the operating system (on CUDA, by the device); None where unknown."""

    @property
    def over_system(self) -> float | None:
        """This peak over the operating system's."""
        if not self.system_peak_bytes:
            return None
        return self.peak_bytes / self.system_peak_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadTime:
    threads: int
    time_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """A Python function in which time is spent, by samples of the stack."""

    name: str
    place: str
    share: float
    """Of the sampled time, without the functions that it called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellProfile:
    """All that profiling found out about one cell."""

    scenario: str
    implementation: str
    phases: Phases | None = None
    operators: Operators | None = None
    memory: Memory | None = None
    threads: tuple[ThreadTime, ...] = ()
    python: tuple[Function, ...] = ()
    counters: dict[str, float] | None = None
    """Hardware counters per call, by perf's names."""
    instructions: float | None = None
    """Instructions of a call by Callgrind, one thread."""
    instructions_path: str = ""
    """Which code was counted: Callgrind knows no instructions beyond AVX2."""
    files: dict[str, str] = field(default_factory=dict)
    """What was written → its path below the run's folder."""
    missing: dict[str, str] = field(default_factory=dict)
    """Part → why it is not there."""
    took_s: float = 0.0

    @property
    def key(self) -> str:
        return cell_key(self.scenario, self.implementation)

    @property
    def parallel_efficiency(self) -> float | None:
        """Time on one thread over n times that on n threads, for the most threads measured."""
        if len(self.threads) < 2 or self.threads[0].threads != 1:
            return None
        most = self.threads[-1]
        return self.threads[0].time_s / (most.threads * most.time_s)

    def to_dict(self) -> dict[str, Any]:
        return {"profile_version": PROFILE_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> CellProfile:
        """Return a profile as it was written.

        Raises:
            UsageError: another version wrote it.
        """
        fields = dict(record)
        if (version := fields.pop("profile_version")) != PROFILE_VERSION:
            raise UsageError(
                f"profile version {version}, this ConvGauge reads {PROFILE_VERSION}; profile "
                "again, or use the version that wrote it"
            )
        return from_plain(cls, fields)
