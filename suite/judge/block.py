"""Judging the outputs of one block's timed calls: a projection of each, a few elements of some.

A call's operand follows from the streams once more, and its output is held against what that
demands: whole outputs by one inner product each, and some calls of a turn at single elements, too.
No inner product sees through an activation: behind one every call is judged at many elements.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import torch

from suite.conditions import Scenario
from suite.epilogues import activation_of
from suite.judge import projection, reference, sampled
from suite.judge.gates import allowed_words, error_ratio
from suite.judge.projection import inner, inner_of_xors, nonzero_among
from suite.judge.tolerance import Tolerance, largest_of
from suite.judge.usual import Usual, usual_elements
from suite.messages.judge import TimedCall
from suite.messages.worker import Start
from suite.operands.epilogue import activate_
from suite.operands.streams import Stream
from suite.operands.tensors import Operands, empty_in_format, in_format
from suite.values import NORMAL

ELEMENTS_A_CALL = 8
CALLS_AN_ELEMENT = 12
"""Of so many calls, one is also judged at single elements, whichever it is;"""
MOST_BY_ELEMENT = 2
"""no more than these of a turn."""
ACTIVATED_ELEMENTS = 64
"""Behind an activation: of every call. The 16 calls or more of each of three blocks find what is
wrong in 1 of 500."""
LEAST_BY_THREADS = 2**17
"""Elements of operand and output, of which a thread reads some 2 in a nanosecond."""


_Timed = tuple[torch.Tensor, Start, bool]
"""An output, flat, the start of its operand, and whether channels are last in it."""


@dataclass(frozen=True, kw_only=True)
class _Bounds:
    """What may be off by how much, for a usual operand."""

    of_each: torch.Tensor
    """Every element, of places that are alike one: see `Usual`."""
    of_all: float
    """The projection."""
    nothing: torch.Tensor | None
    """Which elements sum nothing but padding, flat; of one sample where all are alike. None where
    none does."""


class Block:
    """What the outputs of timed calls on one weight have to be."""

    def __init__(
        self,
        scenario: Scenario,
        operands: Operands,
        stream: Stream,
        secret: torch.Generator,
        pool: Executor,
        threads: int,
    ) -> None:
        """Draw a projection, and compute how large results usually are.

        Args:
            operands: as drawn, in the judge's own memory; so are the `stream`'s bits.
            secret: draws what nobody else may know.
            pool: so many `threads`, for calls that can be looked at side by side.
        """
        self._pool, self._threads = pool, threads
        self._scenario = scenario
        self._stream = stream
        self._secret = secret
        self._activation = activation_of(scenario.problem.epilogue)
        drawn = projection.projection(scenario, operands, secret)
        # Bounds need no more than float32 unless they are below it.
        self._rms = stream.rms
        usual = usual_elements(scenario, operands, self._rms)
        # Of no zero mean sums may be as large as all of their terms.
        expected = usual.size if scenario.stores_varying else usual.expected
        kept = torch.float32 if scenario.has_usual_values else torch.float64
        self._usual = Usual(expected.to(kept), usual.size.to(kept), usual.alike)
        self._usual_bounds: dict[Tolerance, _Bounds] = {}
        memory_format = scenario.memory_format
        self._signs = drawn.signs.to(torch.int8).contiguous().view(-1)
        self._adjoint = _in_memory_order(in_format(drawn.adjoint, memory_format))
        self._offset = drawn.offset
        self._operand = empty_in_format(operands.varying, memory_format)
        self._operands = operands.with_varying(self._operand)
        """Those of the call that is being judged."""

    def fault(
        self,
        calls: Sequence[TimedCall],
        limits: Tolerance,
        output_in: Callable[[int], torch.Tensor],
    ) -> str | None:
        """Return the first fault found in the outputs of timed calls, if any.

        Args:
            output_in: returns what lies in a slot, flat. No check reads any of it twice, so that
                it need be no copy.
        """
        if self._signs.numel() == 0:
            return None
        bounds = self._bounds(limits)
        chance = float(torch.rand((), generator=self._secret))
        by_element = min(MOST_BY_ELEMENT, int(len(calls) / CALLS_AN_ELEMENT + chance))
        if self._activation:
            by_element = len(calls)
        few = torch.randperm(len(calls), generator=self._secret)[:by_element].tolist()
        for chosen in few:
            slot, start, channels_last = calls[chosen]
            self._stream.fill(self._operand, start)
            output = self._shaped(output_in(slot), channels_last)
            if fault := self._element_fault(output, limits, bounds.of_each):
                return fault

        timed = [(output_in(slot), start, channels_last) for slot, start, channels_last in calls]
        whole_fault = functools.partial(self._whole_fault, bounds)
        return next(filter(None, self._side_by_side(whole_fault, timed)), None)

    def _side_by_side(
        self, fault_of: Callable[[Sequence[_Timed]], str | None], timed: Sequence[_Timed]
    ) -> Iterator[str | None]:
        """Yield the first fault of some outputs each; large ones are shared out to all threads.

        Nobody else works meanwhile. Operands of unusual values have to be written down first, in
        one place.
        """
        is_large = self._signs.numel() + self._adjoint.numel() >= LEAST_BY_THREADS
        if self._scenario.values == NORMAL and is_large and len(timed) > 1:
            with contextlib.suppress(RuntimeError):  # the system lets no thread start
                shares = [timed[first :: self._threads] for first in range(self._threads)]
                return self._pool.map(fault_of, shares)
        return map(fault_of, [timed])

    def _whole_fault(self, bounds: _Bounds, timed: Sequence[_Timed]) -> str | None:
        """Return the first fault among outputs that are looked at whole, if any."""
        if bounds.nothing is not None:
            for output, _, channels_last in timed:
                in_order = self._shaped(output, channels_last).contiguous().view(-1)
                if fault := _padding_fault(in_order, bounds.nothing):
                    return fault
        if self._activation:
            return None
        demanded = self._demanded([start for _, start, _ in timed])
        for (output, _, channels_last), (wanted, larger) in zip(timed, demanded, strict=True):
            signs = self._signs_by_channel if channels_last else self._signs
            projected, allowed = inner(output, signs), bounds.of_all * larger
            if fault := projection.checksum_fault(projected, wanted, allowed, signs.numel()):
                return f"a timed call: {fault}"
        return None

    def _shaped(self, output: torch.Tensor, channels_last: bool) -> torch.Tensor:
        """Return a flat output in the result's shape, however it lies."""
        n, channels, *sizes = self._scenario.result_shape
        if channels_last:
            return output.view(n, *sizes, channels).movedim(-1, 1)
        return output.view(n, channels, *sizes)

    @functools.cached_property
    def _signs_by_channel(self) -> torch.Tensor:
        """The projection's signs for an output that lies with channels last."""
        signs = self._signs.view(self._scenario.result_shape)
        return signs.movedim(1, -1).contiguous().view(-1)

    def _bounds(self, limits: Tolerance) -> _Bounds:
        """Return what a usual operand's result may be off by.

        What a norm-wise bound or a checksum allows is taken from the whole result: a few elements
        may happen to sum nothing but padding, which allows nothing.
        """
        if limits not in self._usual_bounds:
            expected, size = self._usual.expected, self._usual.size
            if limits.is_norm_wise and reference.shows_too_little(self._scenario.problem):
                self._operand.fill_(self._rms)
                size = reference.reach(self._scenario, self._operands)
            # An activation's result is at most as large: its slopes are bounded, and so is it at 0.
            expected = limits.steepest * expected + (self._activation == "sigmoid") * 0.5
            number = self._signs.numel()
            bounds = limits.element_bounds(expected, size) * largest_of(number)
            nothing = bounds == 0
            self._usual_bounds[limits] = _Bounds(
                of_each=bounds,
                of_all=projection.allowed_error(bounds, number, self._usual.places),
                nothing=self._usual.whole(nothing).flatten() if bool(nothing.any()) else None,
            )
        return self._usual_bounds[limits]

    def _demanded(self, starts: Sequence[Start]) -> list[tuple[float, float]]:
        """Return what calls' projections have to be, and how much larger operands are than usual.

        Normal values all lie within a few powers of two; of others some operands have more, or
        larger ones, and all bounds grow with them.
        """
        if self._scenario.values != NORMAL:
            return [self._demanded_of_unusual(start) for start in starts]
        offsets, dtype = list(map(self._stream.offsets, starts)), self._operand.dtype
        wanted = inner_of_xors(self._stream.bits, offsets, self._adjoint, dtype)
        return [(each + self._offset, 1.0) for each in wanted]

    def _demanded_of_unusual(self, start: Start) -> tuple[float, float]:
        self._stream.fill(self._operand, start)
        flat = _in_memory_order(self._operand)
        norm = float(torch.linalg.vector_norm(flat, dtype=torch.float64))
        usual = self._rms * math.sqrt(flat.numel())
        larger = max(1.0, norm / usual) if usual else 1.0
        return inner(flat, self._adjoint) + self._offset, larger

    def _element_fault(
        self, output: torch.Tensor, limits: Tolerance, bounds_of_block: torch.Tensor
    ) -> str | None:
        """Return the fault at a few places, if any."""
        scenario = self._scenario
        number = ACTIVATED_ELEMENTS if self._activation else ELEMENTS_A_CALL
        index = sampled.random_index(scenario, number, self._secret)
        expected, size = reference.elements(scenario, self._operands, index)
        activate_(expected, scenario.problem.epilogue)
        is_uneven = not scenario.has_usual_values
        if limits.is_norm_wise and (is_uneven or reference.shows_too_little(scenario.problem)):
            size = reference.reach(scenario, self._operands).amax().expand_as(size)
        got = output[tuple(index.T)].double()
        bounds = limits.element_bounds(expected, size).expand_as(expected)
        bounds = bounds * largest_of(output.numel())
        if limits.is_norm_wise:
            bounds = torch.maximum(bounds, self._usual.at(bounds_of_block, index))
        ratio = error_ratio(got, expected, bounds)
        worst = int(ratio.argmax())
        if ratio[worst] <= 1:
            return None
        element = ", ".join(str(int(i)) for i in index[worst])
        return (
            f"a timed call: element [{element}] is {float(got[worst]):.9g}, expected "
            f"{float(expected[worst]):.9g}, {allowed_words(float(bounds[worst]))}"
        )


def _padding_fault(output: torch.Tensor, nothing: torch.Tensor) -> str | None:
    """Return what was written where an element sums nothing but padding, or zeros, and must be 0.

    However small it is: a checksum would allow for it what it allows to all others.
    """
    wrong, first = nonzero_among(output, nothing)
    if not wrong:
        return None
    due = int(nothing.count_nonzero()) * (output.numel() // nothing.numel())
    return (
        f"a timed call: {wrong} of the {due} elements that sum nothing but zeros are not 0, "
        f"one is {float(output[first]):.9g}"
    )


def _in_memory_order(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.as_strided((tensor.numel(),), (1,))
