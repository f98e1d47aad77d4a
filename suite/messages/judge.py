"""The parent and the judge. What each request does is told in `suite.judge.process`.

A failure in place of a reply says that memory was lacking, or that the judge itself is at fault.
"""

from __future__ import annotations

from dataclasses import dataclass

from suite.messages.answer import Answer
from suite.messages.worker import Start
from suite.processes.channel import Done, Request
from suite.ranges import CallSeconds, Seconds
from suite.results.cell import Ceiling, Residuals
from suite.results.contention import Probe
from suite.workload import AnyScenario

TimedCall = tuple[int, Start, bool]
"""An output slot, the stream start that its operand was made from, and whether the output lies
there as N P Q K."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchFacts:
    """What torch says of itself and its devices, as the manifest keeps it."""

    torch: str
    torch_build: str
    torch_parallel: str
    cpu_capability: str
    gpu: str | None
    gpus: tuple[str, ...]
    gpu_driver: str | None
    triton: str | None
    cuda: str | None
    cudnn: int | None
    onednn: bool
    numba: str | None
    python_executable: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts(Request[Answer[TorchFacts]]):
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class CeilingMeasured:
    ceiling: Ceiling | None
    """None where there is too little memory to measure it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceilings(Request[Answer[CeilingMeasured]]):
    device: str
    dtype: str
    threads: int
    precision: str | None
    """The lower one that an implementation declares to compute in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compare(Request[Answer[Probe]]):
    """Do a small work with one thread and with all."""

    threads: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DenormalCost:
    """What products with numbers below the least normal one take."""

    normal_s: CallSeconds
    """Of one float32 product with a normal number, in a vector of them."""
    denormal_s: CallSeconds
    flushes: bool
    """Whether torch's threads count such numbers for zero."""

    @property
    def times(self) -> float:
        return self.denormal_s / self.normal_s


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeDenormals(Request[Answer[DenormalCost]]):
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class Spans:
    """One sample for a number of calls in turn."""

    samples_s: tuple[Seconds, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeat(Request[Answer[Spans]]):
    """Repeat equal work on all threads, for so many seconds."""

    threads: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    no_room: str | None
    """Why the scenario cannot be judged, with what it takes and what there is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Open(Request[Answer[Opened]]):
    scenario: AnyScenario
    operands: str
    """Path of the shared memory."""
    kept: tuple[str, ...] = ()
    """Paths of workers' memory that other results will lie in; all else is let go."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgetResults(Request[Answer[Done]]):
    """Let go of all workers' memory: its paths may come to mean other memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw(Request[Answer[Done]]):
    kind: str
    seed: int
    elements: int | None = None
    """How many to judge, and all by a projection; None: each of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """What an implementation declares that widens what its errors may be."""

    family: str
    error_factor: float
    precision: str | None
    nan_policy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What a gate found: residuals, and what is wrong, if anything."""

    residuals: Residuals
    fault: str | None = None
    changed: tuple[str, ...] = ()
    """Operands that were handed back otherwise than they were drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeGate(Request[Answer[Judgement]]):
    """`results` is the path of a worker's shared memory, here and below."""

    results: str
    slot: int
    allowance: Allowance
    handed_back: bool = False
    """Whether the call's operands are there, to be compared with what was drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    fault: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeSpread(Request[Answer[Ruling]]):
    results: str
    slot: int
    allowance: Allowance


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    same: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SameBits(Request[Answer[Agreement]]):
    results: str
    first: int
    second: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawBlock(Request[Answer[Done]]):
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedOutputs:
    """What the timed calls of one arm's turn put into its slots."""

    results: str
    calls: tuple[TimedCall, ...]
    allowance: Allowance
    handed_back: bool
    """Whether operands were written back after the last of them, to compare with those drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rulings:
    faults: tuple[str | None, ...]
    """Of each arm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeTimed(Request[Answer[Rulings]]):
    turns: tuple[TimedOutputs, ...]
