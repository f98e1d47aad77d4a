"""What goes into the calls of a block's turns, and what comes out of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from suite.conditions import Scenario
from suite.messages.worker import Sample, Start
from suite.operands.shared import SharedResults
from suite.operands.streams import Stream
from suite.operands.tensors import Operands, same_bits
from suite.processes.threads import wait_until_threads_sleep
from suite.worker.outputs import OutputFault, Taken, in_memory_order, require_output


class Turns:
    """Room for the operands of a sample, made before any of them is known; its outputs after it."""

    def __init__(
        self,
        scenario: Scenario,
        operands: Operands,
        stream: Stream,
        results: SharedResults,
    ) -> None:
        self._scenario = scenario
        self._stream = stream
        self._results = results
        self._like = operands.varying
        self._varying: list[torch.Tensor] = []
        self._held: list[torch.Tensor] = []
        """Outputs of the last timed sample, which the next may not reuse."""
        self._taken = Taken(operands)
        self._first_held = 0
        """The slot of the first of them."""
        self._last_start: Start | None = None
        like = operands.varying
        self._stand_in = torch.zeros(scenario.result_shape, dtype=like.dtype, device=like.device)
        """What is written in place of an output where nothing is called."""

    def begin(self, batch: int) -> None:
        """Have room for the operands of so many calls; the last turn's outputs may go now."""
        self._held = []
        self._taken.hold([])
        while len(self._varying) < batch:
            self._varying.append(torch.empty_like(self._like))

    def filled(self, starts: Sequence[Start]) -> list[torch.Tensor]:
        """Return the operands that begin at these places of the streams."""
        operands = self._varying[: len(starts)]
        for operand, start in zip(operands, starts, strict=True):
            self._stream.fill(operand, start)
        return operands

    def stand_ins(self, number: int) -> Sequence[object]:
        return [self._stand_in] * number

    def take(self, outputs: Sequence[object], asked: Sample) -> tuple[bool, ...]:
        """Write outputs into their slots; return of each whether it lies there as N P Q K.

        Raises:
            OutputFault: one is no dense tensor of its own, and what it is instead.
        """
        checked = [require_output(output, self._scenario, self._taken) for output in outputs]
        lying = [in_memory_order(output) for output in checked]
        for slot, (flat, _) in enumerate(lying, start=asked.slot):
            self._results.write(slot, flat)
        if not asked.idle:
            self._held, self._first_held, self._last_start = checked, asked.slot, asked.starts[-1]
            self._taken.hold(checked)
        return tuple(is_last for _, is_last in lying)

    def require_untouched(self) -> None:
        """Refuse a last timed call that changed its operand."""
        if self._last_start is not None:
            require_untouched(self._varying[len(self._held) - 1], self._stream, self._last_start)

    def require_still(self) -> None:
        """Wait for what may still be running: an output must not change any more."""
        wait_until_threads_sleep()
        for slot, output in enumerate(self._held, start=self._first_held):
            if not same_bits(in_memory_order(output)[0].cpu(), self._results.slot(slot)):
                raise OutputFault("an output changed after the call had returned")

    @property
    def held_bytes(self) -> int:
        return sum(t.nbytes for t in (*self._varying, *self._held, self._stand_in))

    def let_go(self) -> None:
        """Give the room for operands back, after a block's last turn."""
        self._varying, self._last_start = [], None


def require_untouched(operand: torch.Tensor, stream: Stream, start: Start) -> None:
    """Refuse an operand that is no longer what was filled in from `start`."""
    if not stream.made(operand, start):
        raise OutputFault("a timed call changed its input in place")
