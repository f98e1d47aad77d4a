"""From wrong outputs to the mistake that they look like."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from suite.lessons.child.backward_mistakes import BACKWARD
from suite.lessons.child.calls import Call
from suite.lessons.child.forward_mistakes import FORWARD
from suite.lessons.child.mistakes import Mistake, result_of
from suite.messages.lessons import Diagnosis, Suspicion, WrongElement

SAME = 1e-3
"""Operands are small whole numbers, so that results are, too; of a Winograd or an FFT some 1e-5 is
rounding, and of two different convolutions the difference is 1 somewhere."""
MISTAKES = {"forward": FORWARD, "backward_data": BACKWARD}


@dataclass(frozen=True)
class Case:
    """One problem: what was asked, and what came out."""

    number: int
    call: Call
    output: torch.Tensor

    @functools.cached_property
    def expected(self) -> torch.Tensor:
        return self.call.result()

    @functools.cached_property
    def is_right(self) -> bool:
        return same(self.output, self.expected)


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and bool(((one.double() - other).abs() <= SAME).all())


def diagnose(cases: Sequence[Case]) -> Diagnosis:
    """Return which elements are wrong, and which mistakes would make them so.

    One mistake that gives every output, the right ones included, is the best explanation; then two
    made together; then several that were made apart, each of which gives some of the wrong ones.
    """
    wrong = [case for case in cases if not case.is_right]
    if not wrong:
        return Diagnosis(wrong=(), suspicions=(), together=False, of=0)
    right = [case for case in cases if case.is_right]
    explained: dict[Mistake, list[int]] = {}
    for mistake in MISTAKES[cases[0].call.operation]:
        numbers = [case.number for case in wrong if _fits(case, (mistake,))]
        if numbers and all(_fits(case, (mistake,)) for case in right):
            explained[mistake] = numbers
    suspects = _whole(wrong, right, explained)
    apart = suspects or _cover(explained)
    return Diagnosis(
        wrong=tuple(found for case in wrong if (found := _first_wrong(case))),
        suspicions=tuple(
            Suspicion(name=m.name, says=m.says, look=m.look, numbers=tuple(explained.get(m, ())))
            for m in apart
        ),
        together=bool(suspects),
        of=len(wrong),
    )


def _whole(
    wrong: Sequence[Case], right: Sequence[Case], explained: Mapping[Mistake, Sequence[int]]
) -> tuple[Mistake, ...]:
    """Return the one mistake, or the two, that explain all; none where there are no such."""
    for mistake, numbers in explained.items():
        if len(numbers) == len(wrong):
            return (mistake,)
    # Two bugs show one by one where only one of them matters; else all pairs are tried.
    mistakes = MISTAKES[wrong[0].call.operation]
    likely = itertools.combinations(explained, 2)
    others = itertools.combinations(mistakes, 2) if len(explained) < 2 else ()
    by_size = sorted(wrong, key=lambda case: case.output.numel())
    for pair in itertools.chain(likely, others):
        if all(_fits(case, pair) for case in (*by_size, *right)):
            return pair
    return ()


def _cover(explained: Mapping[Mistake, Sequence[int]]) -> tuple[Mistake, ...]:
    """Return few mistakes that together explain what can be explained, the ones with most first."""
    left = {number for numbers in explained.values() for number in numbers}
    chosen: list[Mistake] = []
    while left:
        best = max(explained, key=lambda mistake: len(left & set(explained[mistake])))
        chosen.append(best)
        left -= set(explained[best])
    return tuple(chosen)


def _fits(case: Case, mistakes: tuple[Mistake, ...]) -> bool:
    try:
        predicted = result_of(case.call, mistakes)
    except RuntimeError:  # such a call cannot be made, so it was not
        return False
    return case.is_right if predicted is None else same(case.output, predicted)


def _first_wrong(case: Case) -> WrongElement | None:
    """Return the first element that is wrong, None where the shape is."""
    expected = case.expected
    if case.output.shape != expected.shape:
        return None
    off = ~((case.output.double() - expected).abs() <= SAME)
    index = tuple(int(i) for i in off.nonzero()[0])
    return WrongElement(
        number=case.number,
        index=index,
        got=float(case.output[index]),
        expected=float(expected[index]),
        wrong=int(off.sum()),
        elements=off.numel(),
        where=_where(off, case.call),
    )


def _where(off: torch.Tensor, call: Call) -> str:
    """Return what the wrong elements have in common, as "only …"."""
    if bool(off.all()):
        return "all of them"
    images, channels, rows, columns = off.shape
    edge = _at_the_edge(off, call)
    regions = {
        "only in the last row": (off[:, :, -1], rows),
        "only in the last column": (off[..., -1], columns),
        "only in the first row": (off[:, :, 0], rows),
        "only in the first column": (off[..., 0], columns),
        "only in the first image": (off[0], images),
        "only in images after the first": (off[1:], images),
        "only in the first output channel": (off[:, 0], channels),
        "only in output channels after the first": (off[:, 1:], channels),
        "only where the window reaches into the padding": (off[edge], 2 if edge.any() else 0),
        "only where the window lies inside the input": (off[~edge], 2 if edge.any() else 0),
    }
    total = int(off.sum())
    names = [name for name, (part, size) in regions.items() if size > 1 and part.sum() == total]
    return names[0] if names else ""


def _at_the_edge(off: torch.Tensor, call: Call) -> torch.Tensor:
    """Return which elements' windows reach into the padding; none in the backward direction."""
    if call.operation != "forward" or not any(call.sides):
        return torch.zeros_like(off)
    top, _, left, _ = call.sides
    height, width = call.x.shape[2:]
    first = [
        torch.arange(n) * s - before
        for n, s, before in zip(off.shape[2:], call.stride, (top, left), strict=True)
    ]
    reach = [(k - 1) * d for k, d in zip(call.w.shape[2:], call.dilation, strict=True)]
    outside = [
        (start < 0) | (start + more >= size)
        for start, more, size in zip(first, reach, (height, width), strict=True)
    ]
    return (outside[0][:, None] | outside[1][None, :]).expand_as(off)
