"""Time on the GPU itself: events around each call, on a card that is never short of work.

Three things would otherwise be timed along with the kernels:

- the host. It takes microseconds to launch each kernel, and a call of many small ones waits for
  it. So the card is kept waiting, in a kernel that only spins, until the host has enqueued the
  whole call; the start event comes after that. Calls below `GRAPH_S` are recorded as a CUDA graph
  and replayed: then no launch is left between their own kernels either.
- the L2 cache. It holds 60 MB on an H200, whole layers. When caches are to be cold, a buffer of
  twice its size is written before each call, before the start event.
- what goes on elsewhere. An event sees its own stream only. After the end event the device is
  synchronised; if that takes longer than a synchronisation does, something was still running on
  another stream, and the time until it had ended counts.

Clocks, power limits and cache settings of the card are never changed.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from suite.worker.cpu_clock import Call, batch_size

GRAPH_S = 50e-6
"""Shorter calls are replayed as a CUDA graph."""
FLUSH = 2
"""Bytes written to flush the L2 cache, in multiples of its size."""
LEAST_FLUSH_BYTES = 64 * 2**20
LAUNCH_S = 20e-6
"""The host's time to launch a graph, or a call's first kernel."""
HOLD_MARGIN = 1.5
MOST_HOLD_S = 2e-3
"""A call that takes the host longer waits for the card itself: no head start helps it."""
CYCLES_PER_S = 2.0e9
"""Of the spinning kernel: about the highest clock that cards have; a slower one spins longer."""
LATE_S = 50e-6
"""The host's synchronisation of an idle device takes some 10 µs. Where it takes longer, work on
other streams is noticed only beyond `LATE` times that."""
LATE = 4


class CudaTimer:
    """Times calls on the current device and stream."""

    def __init__(
        self,
        *,
        cold: bool,
        cuda: Any = torch.cuda,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._cuda = cuda
        self._now = now
        self._flush = _flush_buffer(cuda) if cold else None
        self._enqueue_s = float("inf")
        self._graph: _Replay | None = None
        cuda.synchronize()
        self._late_s = max(LATE_S, LATE * max(self._idle_s() for _ in range(8)))

    def _idle_s(self) -> float:
        started = self._now()
        self._cuda.synchronize()
        return self._now() - started

    def __call__(self, call: Call, operands: Sequence[torch.Tensor]) -> tuple[list[object], float]:
        outputs: list[object] = []
        seconds = 0.0
        replay = self._graph if self._graph and self._graph.call is call else None
        gc.disable()
        for operand in operands:
            if replay:
                replay.take(operand)
                seconds += self._span(replay.run)[1]
                outputs.append(replay.result())
                replay.give_back(operand)
            else:
                output, took_s = self._span(lambda: call(operand))  # noqa: B023 - called at once
                outputs.append(output)
                seconds += took_s
        gc.enable()
        return outputs, seconds

    def _span(self, work: Callable[[], object]) -> tuple[object, float]:
        """Run `work` and return what it returned and the seconds the card took."""
        cuda = self._cuda
        begin, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
        cuda.synchronize()
        if self._flush is not None:
            self._flush.zero_()
        self._hold()
        begin.record()
        started = self._now()
        output = work()
        self._enqueue_s = min(self._enqueue_s, self._now() - started)
        end.record()
        end.synchronize()
        late_s = self._idle_s()
        seconds = begin.elapsed_time(end) * 1e-3
        return output, seconds + late_s if late_s > self._late_s else seconds

    def _hold(self) -> None:
        """Keep the card busy for as long as the host needs to enqueue the call."""
        if self._enqueue_s == float("inf"):
            return
        hold_s = min(HOLD_MARGIN * self._enqueue_s + LAUNCH_S, MOST_HOLD_S)
        self._cuda._sleep(int(hold_s * CYCLES_PER_S))

    def settle(self, call: Call, operand: torch.Tensor, call_s: float) -> str | None:
        """Record a short call as a graph; say so, or why that was not possible."""
        self._graph = None
        if call_s >= GRAPH_S:
            return None
        try:
            self._graph = _Replay(self._cuda, call, operand)
        except (RuntimeError, ValueError) as error:
            self._cuda.synchronize()
            reason = str(error).strip().splitlines()[0]
            return f"timed without a CUDA graph, so with its launches: {reason}"
        return "timed as the replay of a CUDA graph"

    def batch_size(self, call_s: float, operand_bytes: int) -> int:
        """Return how many calls make one sample: their average is finer than an event's clock."""
        return batch_size(call_s, operand_bytes)


class _Replay:
    """A call recorded as a CUDA graph, with an input of its own.

    Raises:
        RuntimeError: the call cannot be captured.
        ValueError: it was captured, and its replay does not do what the call does.
    """

    def __init__(self, cuda: Any, call: Call, operand: torch.Tensor) -> None:
        self.call = call
        self._input = operand.clone()
        side = cuda.Stream()
        side.wait_stream(cuda.current_stream())
        with cuda.stream(side):  # what a first call allocates or tunes must not be captured
            call(self._input)
        cuda.current_stream().wait_stream(side)
        cuda.synchronize()
        self._graph = cuda.CUDAGraph()
        with cuda.graph(self._graph):
            output = call(self._input)
        if type(output) is not torch.Tensor or _same_memory(output, self._input):
            raise ValueError("it returned no tensor of its own")
        self._output: torch.Tensor = output
        # Kernels launched past torch's stream are not in the graph, which then returns old data.
        self._input.copy_(operand.flip(-1))
        self.run()
        wanted = call(operand.flip(-1))
        cuda.synchronize()
        if not isinstance(wanted, torch.Tensor) or not torch.allclose(
            self._output.double(), wanted.double(), rtol=1e-2, atol=1e-2
        ):
            raise ValueError("its replay returned something else than the call")

    def take(self, operand: torch.Tensor) -> None:
        self._input.copy_(operand)

    def run(self) -> None:
        self._graph.replay()

    def result(self) -> torch.Tensor:
        """Return a copy of the output: the next replay overwrites it."""
        return self._output.clone()

    def give_back(self, operand: torch.Tensor) -> None:
        """Let whoever checks the operand see what became of the replay's input."""
        operand.copy_(self._input)


def _same_memory(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def _flush_buffer(cuda: Any) -> torch.Tensor:
    device = cuda.current_device()
    cache_bytes = cuda.get_device_properties(device).L2_cache_size
    return torch.empty(
        max(FLUSH * cache_bytes, LEAST_FLUSH_BYTES), dtype=torch.uint8, device=device
    )
