"""The GPU's clock on a fake card: what lies inside the span, and what must not."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
import torch

from suite.worker import cuda_clock
from suite.worker.cuda_clock import CudaTimer

KERNEL_S = 100e-6


class FakeCard:
    """A card with a clock: kernels queue up behind each other, the host launches in no time.

    `log` is the order in which things happened. A call on another stream ends `side_s` after the
    stream that events see.
    """

    def __init__(self) -> None:
        self.host_s = 0.0
        self.card_s = 0.0
        self.side_s = 0.0
        self.log: list[str] = []
        self.capturing: list[object] | None = None
        self.refuses_capture = False
        self.loses_kernels = False

    # -- what suite.worker.cuda_clock asks of torch.cuda --

    def Event(self, enable_timing):  # noqa: N802
        assert enable_timing
        card = self

        class Event:
            def record(self):
                card.log.append("event")
                self.at = card.card_s = max(card.card_s, card.host_s)

            def synchronize(self):
                card.host_s = max(card.host_s, self.at)

            def elapsed_time(self, end):
                return (end.at - self.at) * 1e3

        return Event()

    def synchronize(self):
        self.card_s += self.side_s
        self.side_s = 0.0
        self.host_s = max(self.host_s, self.card_s)

    def _sleep(self, cycles):
        self.log.append("hold")
        self.busy(cycles / cuda_clock.CYCLES_PER_S)

    def current_device(self):
        return "cpu"

    def get_device_properties(self, _device):
        return SimpleNamespace(L2_cache_size=50 * 2**20)

    def Stream(self):  # noqa: N802
        return SimpleNamespace(wait_stream=lambda other: None)

    current_stream = Stream

    @contextlib.contextmanager
    def stream(self, _stream):
        yield

    def CUDAGraph(self):  # noqa: N802
        card = self

        class Graph:
            work = None

            def replay(self):
                card.log.append("replay")
                if not card.loses_kernels:
                    self.work()

        return Graph()

    @contextlib.contextmanager
    def graph(self, graph):
        if self.refuses_capture:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        self.capturing = []
        yield
        recorded, self.capturing = self.capturing, None
        graph.work = lambda: [work() for work in recorded]

    # -- what runs on it --

    def now(self):
        return self.host_s

    def busy(self, seconds):
        self.card_s = max(self.card_s, self.host_s) + seconds

    def convolve(self, operand, *, launch_s=0.0):
        """Return twice the operand; takes the card 100 µs."""
        out = torch.empty_like(operand)

        def work():
            torch.mul(operand, 2, out=out)
            self.busy(KERNEL_S)

        if self.capturing is not None:
            self.capturing.append(work)
        else:
            self.log.append("call")
            self.host_s += launch_s
            work()
        return out


@pytest.fixture
def card():
    return FakeCard()


@pytest.fixture
def flushes(card, monkeypatch):
    """Sizes of the flushes; each takes the card a millisecond."""
    sizes = []

    class Buffer:
        def __init__(self, size, **_):
            self.size = size

        def zero_(self):
            sizes.append(self.size)
            card.log.append("flush")
            card.busy(1e-3)

    monkeypatch.setattr(cuda_clock.torch, "empty", Buffer)
    return sizes


def operands(number):
    return [torch.full((2, 2), float(i)) for i in range(number)]


def test_a_span_is_the_time_of_the_kernels_alone(card):
    timer = CudaTimer(cold=False, cuda=card, now=card.now)

    outputs, seconds = timer(card.convolve, operands(3))

    assert seconds == pytest.approx(3 * KERNEL_S)
    assert [float(output[0, 0]) for output in outputs] == [0, 2, 4]


def test_launches_do_not_count_once_it_is_known_how_long_they_take(card):
    timer = CudaTimer(cold=False, cuda=card, now=card.now)

    def slow_to_launch(operand):
        return card.convolve(operand, launch_s=80e-6)

    timer(slow_to_launch, operands(1))
    _, seconds = timer(slow_to_launch, operands(2))

    assert seconds == pytest.approx(2 * KERNEL_S)


def test_cold_flushes_twice_the_cache_before_every_call_and_outside_the_span(card, flushes):
    timer = CudaTimer(cold=True, cuda=card, now=card.now)
    card.convolve = lambda operand: (card.log.append("call"), card.busy(KERNEL_S))

    _, seconds = timer(card.convolve, operands(4))

    assert flushes == [2 * 50 * 2**20] * 4
    assert seconds == pytest.approx(4 * KERNEL_S)
    steps = [step for step in card.log if step != "hold"]
    assert steps == ["flush", "event", "call", "event"] * 4


def test_hot_flushes_nothing(card):
    CudaTimer(cold=False, cuda=card, now=card.now)(card.convolve, operands(2))

    assert "flush" not in card.log


def test_work_that_goes_on_beside_the_stream_counts(card):
    timer = CudaTimer(cold=False, cuda=card, now=card.now)

    def sneaky(operand):
        card.side_s = 3e-3
        return card.convolve(operand)

    _, seconds = timer(sneaky, operands(1))

    assert seconds == pytest.approx(3e-3 + KERNEL_S)


def test_a_short_call_is_replayed_as_a_graph_on_every_operand(card):
    timer = CudaTimer(cold=False, cuda=card, now=card.now)
    call = card.convolve

    note = timer.settle(call, torch.ones(2, 2), 10e-6)
    card.log.clear()
    outputs, seconds = timer(call, operands(3))

    assert "replay of a CUDA graph" in note
    assert card.log.count("replay") == 3
    assert "call" not in card.log
    assert [float(output[0, 0]) for output in outputs] == [0, 2, 4]
    assert len({output.data_ptr() for output in outputs}) == 3
    assert seconds == pytest.approx(3 * KERNEL_S)


def test_a_long_call_is_not(card):
    timer = CudaTimer(cold=False, cuda=card, now=card.now)

    assert timer.settle(card.convolve, torch.ones(2, 2), 60e-6) is None
    timer(card.convolve, operands(1))
    assert "replay" not in card.log


def test_what_cannot_be_captured_is_timed_as_it_is_and_says_so(card):
    card.refuses_capture = True
    timer = CudaTimer(cold=False, cuda=card, now=card.now)
    call = card.convolve

    note = timer.settle(call, torch.ones(2, 2), 10e-6)
    outputs, _ = timer(call, operands(2))

    assert "without a CUDA graph" in note
    assert "not permitted when stream is capturing" in note
    assert float(outputs[1][0, 0]) == 2


def test_a_graph_that_lost_kernels_is_not_used(card):
    """Kernels launched past torch's stream run at capture, not at replay."""
    card.loses_kernels = True
    timer = CudaTimer(cold=False, cuda=card, now=card.now)

    note = timer.settle(card.convolve, torch.tensor([[1.0, 2.0]]), 10e-6)

    assert "something else than the call" in note


def test_an_input_changed_by_a_replay_is_seen_by_whoever_checks_it(card):
    timer = CudaTimer(cold=False, cuda=card, now=card.now)

    def spoils(operand):
        out = card.convolve(operand)
        if card.capturing is not None:
            card.capturing.append(lambda: operand.fill_(7))
        return out

    timer.settle(spoils, torch.ones(2, 2), 10e-6)
    given = operands(1)
    timer(spoils, given)

    assert float(given[0][0, 0]) == 7


def test_an_output_that_is_the_input_is_left_to_the_checks_of_eager_calls(card):
    timer = CudaTimer(cold=False, cuda=card, now=card.now)

    def same(operand):
        return operand

    assert "no tensor of its own" in timer.settle(same, torch.ones(2, 2), 10e-6)
    given = operands(1)
    assert timer(same, given)[0][0] is given[0]
