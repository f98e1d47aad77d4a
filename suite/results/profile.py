"""What profiling found out about one cell. Plain data, absent is None."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Annotated, Any

from suite.errors import UsageError
from suite.ranges import Amount, AtLeastOne, CallSeconds, Count, Misfit, Seconds, Within, shown
from suite.records import from_plain
from suite.results.cell import cell_key

PROFILE_VERSION = 1
FOLDER = "profiles"
"""Below the run's folder: a folder a cell for traces and pages."""
FILE_OF_CELL = re.compile(rf"{FOLDER}/(?!\.)[\w.-]{{1,200}}/(?!\.)[\w.-]{{1,200}}", re.ASCII)
"""A file in a cell's folder: pages link to it, pictures are written beside it."""
PARTS = ("phases", "operators", "threads", "python", "counters", "memory", "instructions")
"""What is looked at, in this order, each on its own: one may fail and leave the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phases:
    """Where a call's time goes by the implementation's own marks."""

    unprofiled_s: CallSeconds
    """Seconds per call without anyone listening, measured in turns with the calls below."""
    phases_s: dict[str, Seconds]
    """Phase → seconds per call, in the order in which they first began; empty without marks."""
    unmarked_s: Seconds
    """What lies between the marks: arguments, shapes, the call itself."""
    calls: AtLeastOne

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
    calls: Amount
    self_s: Annotated[float, Within(-1e9, 1e9)]
    """Without the operators that it called; below 0 where the clock is too coarse for both."""
    total_s: Seconds
    allocated_bytes: int
    device_s: Seconds | None = None
    """What its own kernels took on the GPU; None on the CPU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StackNode:
    """A place in the tree of phases, functions and operators; children follow their parent."""

    name: str
    parent: Count | None
    total_s: Seconds
    """Seconds per call, children included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Operations and bytes of one call."""

    executed_flops: Amount | None
    flops_source: str
    """Where the number comes from: "closed form" (the implementation's own), "torch's counter", or
    "direct sum" where neither tells; empty without one."""
    counted_flops: Count | None
    """By torch's formulas from the operators that ran: products and convolutions only."""
    moved_bytes: Count
    bytes_source: str
    """"operators" or "formula": what operators read and wrote, or least bytes and workspace."""
    note: str
    """How the two counts of operations agree."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operators:
    """What torch's profiler saw of a call.

    Raises:
        Misfit: a place in the tree of stacks that does not follow its parent.
    """

    call_s: CallSeconds
    """Seconds per call while the profiler looked on."""
    operators: Amount
    """How many of torch's operators a call runs, nested ones not counted."""
    rows: tuple[OperatorRow, ...]
    stacks: tuple[StackNode, ...]
    counts: Counts
    overhead_s: Seconds | None
    """What a call costs whatever the size: the larger of the smallest problem's time and of the
    operators' dispatch."""

    def __post_init__(self) -> None:
        for index, node in enumerate(self.stacks):
            if node.parent is not None and node.parent >= index:
                problem = f"found {node.parent}, expected one that stands before {index}"
                raise Misfit(problem, f"stacks[{index}].parent")


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveBytes:
    """Live bytes of a call over its time, split by what they hold. Equally long tuples.

    Raises:
        Misfit: they are not equally long.
    """

    at_s: tuple[Seconds, ...]
    input: tuple[int, ...]
    weight: tuple[int, ...]
    """Bias and packed copies included."""
    output: tuple[int, ...]
    workspace: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("input", "weight", "output", "workspace"):
            if len(getattr(self, name)) != len(self.at_s):
                raise Misfit(
                    f"found {len(getattr(self, name))} numbers, expected {len(self.at_s)} as in "
                    "at_s",
                    name,
                )

    def __len__(self) -> int:
        return len(self.at_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Memory of one call after it has warmed up."""

    timeline: LiveBytes
    peak_bytes: Count
    """Output and workspace at their highest: what the call adds to its operands."""
    workspace_bytes: Count
    """The workspace alone at its highest."""
    outside_bytes: Count
    """What the process held at its highest beyond what torch's allocators gave out."""
    system_peak_bytes: Count | None
    """The same peak by the operating system (on CUDA, by the device); None where unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadTime:
    threads: AtLeastOne
    time_s: CallSeconds
    busy: Count | None = None
    """Threads that took a noticeable part of the processor time; None where that is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """A Python function in which time is spent, by samples of the stack."""

    name: str
    place: str
    share: Annotated[float, Within(0, 2)]
    """Of the sampled time, without the functions that it called."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CellProfile:
    """All that profiling found out about one cell.

    Raises:
        Misfit: a file that does not lie in a folder of its cells.
    """

    scenario: str
    implementation: str
    phases: Phases | None = None
    operators: Operators | None = None
    memory: Memory | None = None
    threads: tuple[ThreadTime, ...] = ()
    python: tuple[Function, ...] = ()
    counters: dict[str, Amount] | None = None
    """Hardware counters per call, by perf's names."""
    instructions: Amount | None = None
    """Instructions of a call by Callgrind, one thread."""
    instructions_path: str = ""
    """Which code was counted: Callgrind knows no instructions beyond AVX2."""
    files: dict[str, str] = field(default_factory=dict)
    """What was written → its path below the run's folder."""
    missing: dict[str, str] = field(default_factory=dict)
    """Part → why it is not there."""
    took_s: Seconds = 0.0

    def __post_init__(self) -> None:
        for name, path in self.files.items():
            if not FILE_OF_CELL.fullmatch(path):
                raise Misfit(
                    f"found {shown(path)}, expected {FOLDER}/CELL/FILE", f"files.{shown(name)}"
                )

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

    @property
    def one_thread_of(self) -> int | None:
        """How many threads it had where it computed on a single one; None where it used more."""
        most = self.threads[-1] if self.threads else None
        return most.threads if most and most.threads > 1 and most.busy == 1 else None

    def to_dict(self) -> dict[str, Any]:
        return {"profile_version": PROFILE_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> CellProfile:
        """Return a profile as it was written.

        Raises:
            UsageError: another version wrote it.
        """
        if type(record) is not dict:
            raise Misfit(f"found {shown(record)}, expected a CellProfile")
        fields = dict(record)
        if (version := fields.pop("profile_version", None)) != PROFILE_VERSION:
            raise UsageError(
                f"profile version {shown(version)}, this ConvGauge reads {PROFILE_VERSION}; "
                "profile again, or use the version that wrote it"
            )
        return from_plain(cls, fields)
