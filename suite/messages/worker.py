"""The parent and a worker. What each request does is told in `suite.worker.process`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Generic

from suite.messages.answer import Answer, Reply
from suite.processes.channel import Done, Request
from suite.ranges import CallSeconds, Count, Seconds, Within
from suite.results.card_state import CardState
from suite.results.kernels import WhatRan
from suite.results.network_parts import NetworkParts
from suite.workload import AnyScenario

Start = tuple[int, int]
"""Where a timed call's operand begins in the two streams."""

MOST_BATCH = 64
BATCH_BYTES = 32 * 2**20
"""Of a sample's operands."""


def most_batch(operand_bytes: int) -> int:
    """Return how many calls a sample has at most: what its operands take counts, too."""
    return max(1, min(MOST_BATCH, BATCH_BYTES // max(1, operand_bytes)))


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedAnswer(Answer[Reply], Generic[Reply]):
    """What comes with every reply or failure of a worker."""

    inside_s: Seconds
    """Spent in the implementation: in its calls, and in packing weights."""
    quiet: bool
    """Whether its threads sleep now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    unavailable: str | None
    """Why it cannot run on this machine at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load(Request[TimedAnswer[Loaded]]):
    """Import the implementation that the process was started for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    workspace_bytes: Count | None
    """By the implementation's own formula, as the next."""
    executed_flops: Annotated[float, Within(0)] | None
    note: str | None
    card_uuid: str | None = None
    """Of the GPU that it computes on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Open(Request[TimedAnswer[Opened]]):
    """Map a scenario's memory; the two are paths."""

    scenario: AnyScenario
    operands: str
    results: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorsRan:
    """What one call ran."""

    names: tuple[str, ...]
    """torch's operators, in order."""
    vendor: str | None
    """The convolution of torch's own that did the work, if one did."""
    ran: WhatRan | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Gated:
    note: str
    operators: OperatorsRan | None
    """None where they were not asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate(Request[TimedAnswer[Gated]]):
    """Make one call on the dense tensors; `kind` says which views they are given as."""

    slot: int
    kind: str
    log_operators: bool
    hand_back: bool
    """Whether to write the operands back afterwards, for the judge to compare."""
    last: bool
    """Whether this may be the last call that is gated: what was replaced by then is looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenInside:
    parts: NetworkParts | None
    """None where nothing can be told apart: compiled code, an engine, a step of training."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LookInside(Request[TimedAnswer[SeenInside]]):
    """Tell where a pass through a network goes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientsChecked:
    fault: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Gradcheck(Request[TimedAnswer[GradientsChecked]]):
    """Hold autograd's gradients against finite differences."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    prepare_s: Seconds | None
    """None where the implementation packs no weight."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bind(Request[TimedAnswer[Packed]]):
    """Take this block's weight, and pack it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Warmed:
    call_s: Seconds
    """The shortest call."""
    peak_bytes: Count | None
    batch: Annotated[int, Within(1)]
    """Calls that one sample needs to be long enough for the clock."""
    note: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Warm(Request[TimedAnswer[Warmed]]):
    """Call until the time per call is known, once at least."""

    seconds: float
    """How long to go on after the first call of a fresh process, which may load and compile."""
    peak: bool
    """Whether the memory that one call takes is wanted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BeginTurn(Request[TimedAnswer[Done]]):
    """Make room for a turn's operands; no timed call's operand is known yet."""

    batch: int
    """Operands of a sample."""
    lead: Annotated[int, Within(0)]
    """Calls to make that are not timed, each while the one before is held as a sample's are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampled:
    sample_s: CallSeconds | None
    """Seconds of all calls together, by the worker's own clock; None for an idle one."""
    channels_last: tuple[bool, ...]
    """Of each output, whether its elements lie in its slot as N P Q K and not as N K P Q."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample(Request[TimedAnswer[Sampled]]):
    """Take one timed sample: a call from each of `starts`, back to back."""

    starts: tuple[Start, ...]
    slot: int
    """Where the first call's output goes; the others' follow."""
    idle: bool = False
    """Call nothing, and do all that a sample takes besides calls."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnEnded:
    card: CardState | None


@dataclass(frozen=True, kw_only=True, slots=True)
class EndTurn(Request[TimedAnswer[TurnEnded]]):
    """Give back what a turn took."""

    last: bool
    """The block's last turn: look at what its calls left behind, and write the operands back, so
    that the judge sees what became of them. Not the one that differs from call to call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed:
    held_bytes: Count
    """That the process still holds, of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Close(Request[TimedAnswer[Closed]]):
    """Forget the scenario and give its memory back: another one may be opened."""
