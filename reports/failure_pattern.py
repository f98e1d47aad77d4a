"""What the shapes that failed have in common, and no shape that passed has.

Found mechanically: each property of a convolution is a set of shapes, and so is "groups > 1 with
unequal dilation and kernels of several columns".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import combinations
from operator import and_

from suite.conditions import Scenario
from suite.epilogues import NONE, adds
from suite.problem import Problem

LEAST_FOR_TWO, LEAST_FOR_THREE = 2, 3
"""Failures that a pattern of so many properties, or a limit on a size, has to explain: some such
pattern fits any one shape."""
MOST_EXCEPTIONS = 0.25
"""Of the failures: so many shapes with the same properties may have come out right by chance."""
MULTIPLES = (32, 16, 8, 4, 2)

Holds = Callable[[Scenario], bool]


def pattern(failed: Sequence[Scenario], passed: Sequence[Scenario]) -> str:
    """Return "only groups > 1 with unequal dilation", or an empty text where nothing simple fits.

    Args:
        failed, passed: shapes; those that fail in another way belong to neither.
    """
    if not failed or not passed:
        return ""
    shapes = [*failed, *passed]
    wanted = (1 << len(failed)) - 1
    named = [_Property(words, _mask(holds, shapes)) for words, holds in _named()]
    sized = [_Property(words, _mask(holds, shapes)) for words, holds in _multiples()]
    if found := _all_of(named, wanted, 1):
        return f"only {found}"
    if len(failed) < LEAST_FOR_TWO:
        return ""
    found = (
        _all_of(sized, wanted, 1)
        or _limit(failed, passed)
        or _all_of([*named, *sized], wanted, 2)
        or _either(named, wanted)
    )
    if not found and len(failed) >= LEAST_FOR_THREE:
        found = _all_of(named, wanted, 3)
        if not found:
            return _nearly(named, wanted, int(MOST_EXCEPTIONS * len(failed)))
    return f"only {found}" if found else ""


@dataclass(frozen=True)
class _Property:
    words: str
    mask: int
    """A bit for each shape that has it; those of the failures come first."""


def _mask(holds: Holds, shapes: Sequence[Scenario]) -> int:
    return sum(1 << place for place, shape in enumerate(shapes) if holds(shape))


def _all_of(properties: Sequence[_Property], wanted: int, count: int) -> str:
    """Return so many properties that all failures have, and nothing else has all of."""
    shared = [each for each in properties if each.mask & wanted == wanted]
    for some in combinations(shared, count):
        if _meet(some) == wanted:
            return _joined(some)
    return ""


def _meet(properties: Iterable[_Property]) -> int:
    """Return the shapes that have all of them."""
    return reduce(and_, (each.mask for each in properties))


def _joined(properties: Sequence[_Property]) -> str:
    """Return "groups > 1 with unequal dilation and bias"."""
    first, *others = (each.words for each in properties)
    return f"{first} with {' and '.join(others)}" if others else first


def _nearly(properties: Sequence[_Property], wanted: int, most: int) -> str:
    """Return what all failures have and at most so many others do, the fewest of all."""
    shared = [each for each in properties if each.mask & wanted == wanted]
    candidates = [some for count in (1, 2) for some in combinations(shared, count)]
    exceptions = {some: (_meet(some) & ~wanted).bit_count() for some in candidates}
    best = min(candidates, key=lambda some: exceptions[some], default=())
    if not best or exceptions[best] > most:
        return ""
    words = " and ".join(each.words for each in best)
    return f"all with {words}, as {exceptions[best]} that passed"


def _either(properties: Sequence[_Property], wanted: int) -> str:
    """Return two properties that only failures have, one of which each has."""
    own = [each for each in properties if each.mask and each.mask | wanted == wanted]
    pairs = combinations(own, 2)
    return next(
        (f"{a.words}, and {b.words}" for a, b in pairs if a.mask | b.mask == wanted),
        "",
    )


def _limit(failed: Sequence[Scenario], passed: Sequence[Scenario]) -> str:
    """Return a size above or below which everything failed, and nothing else."""
    for words, size in _SIZES.items():
        least, most = (pick(size(s.problem) for s in failed) for pick in (min, max))
        others = [size(s.problem) for s in passed]
        if least > max(others):
            return f"{words} ≥ {least}"
        if most < min(others):
            return f"{words} ≤ {most}"
    return ""


_SIZES: dict[str, Callable[[Problem], int]] = {
    "batch size": lambda p: p.batch_size,
    "input channels": lambda p: p.in_channels,
    "output channels": lambda p: p.out_channels,
    "channels a group": lambda p: p.in_channels // p.groups,
    "kernel height": lambda p: p.kernel_h,
    "kernel width": lambda p: p.kernel_w,
    "kernel size": lambda p: p.kernel_h * p.kernel_w,
    "input height": lambda p: p.height,
    "input width": lambda p: p.width,
    "output height": lambda p: p.out_h,
    "output width": lambda p: p.out_w,
    "output pixels": lambda p: p.out_h * p.out_w,
    "products a sum": lambda p: p.reduction_length,
}


def _named() -> Iterator[tuple[str, Holds]]:
    """Yield properties that have a name, the plainest first."""
    yield from _of_problem("groups > 1", lambda p: p.groups > 1, "one group")
    yield from _of_problem("transposed", lambda p: p.is_transposed, "not transposed")
    yield from _of_problem("output padding", lambda p: any(p.output_padding), "no output padding")
    yield from _of_problem("1-D", lambda p: p.axes == 1)
    yield from _of_problem("3-D", lambda p: p.axes == 3)
    yield from _of_problem("bias", lambda p: p.bias, "no bias")
    yield from _of_problem("epilogues", lambda p: p.epilogue != NONE, "no epilogue")
    yield from _of_problem("epilogues with a residual", lambda p: adds(p.epilogue))
    for name, pair_of, usual in (
        ("stride", lambda p: (p.stride_h, p.stride_w), 1),
        ("dilation", lambda p: (p.dilation_h, p.dilation_w), 1),
        ("padding", lambda p: (p.pad_top + p.pad_bottom, p.pad_left + p.pad_right), 0),
    ):
        yield from _of_pair(name, pair_of, usual)
    yield from _of_problem("padding that differs by side", lambda p: p.is_asymmetric)
    yield from _of_problem("padding beyond the kernel", _is_padded_beyond_the_kernel)
    yield from _of_problem("1×1 kernels", lambda p: p.kernel == (1, 1), "kernels over 1×1")
    yield from _of_problem("kernels of several rows", lambda p: p.kernel_h > 1)
    yield from _of_problem("kernels of several columns", lambda p: p.kernel_w > 1)
    yield from _of_problem("outputs of several rows", lambda p: p.out_h > 1)
    yield from _of_problem("outputs of several columns", lambda p: p.out_w > 1)
    yield from _of_problem("3×3 kernels", lambda p: p.kernel == (3, 3))
    yield from _of_problem("oblong kernels", lambda p: p.kernel_h != p.kernel_w, "square kernels")
    yield from _of_problem(
        "even kernels", lambda p: not (p.kernel_h % 2 and p.kernel_w % 2), "odd kernels"
    )
    yield from _of_problem("depthwise", lambda p: p.is_depthwise)
    yield from _of_problem(
        "several channels a group", lambda p: p.in_channels > p.groups, "one channel a group"
    )
    yield from _of_problem(
        "depthwise with multiplied channels",
        lambda p: p.is_depthwise and p.out_channels > p.in_channels,
    )
    yield from _of_problem("batches over 1", lambda p: p.batch_size > 1, "batch size 1")
    yield from _of_problem("empty batches", lambda p: p.batch_size == 0)
    yield from _of_problem("one input channel", lambda p: p.in_channels == 1)
    yield from _of_problem("one output channel", lambda p: p.out_channels == 1)
    yield from _of_problem(
        "more output than input channels", lambda p: p.out_channels > p.in_channels
    )
    yield from _of_problem(
        "fewer output than input channels", lambda p: p.out_channels < p.in_channels
    )
    yield from _of_problem("oblong inputs", lambda p: p.height != p.width, "square inputs")
    yield from _of_problem("oblong outputs", lambda p: p.out_h != p.out_w)
    yield from _of_problem("outputs of one pixel", lambda p: p.out_h == p.out_w == 1)
    yield from _of_problem(
        "strides that leave pixels over", lambda p: any(_left_over(p)), "strides that divide evenly"
    )
    yield "channels_last", lambda s: s.memory_format == "channels_last"
    yield "contiguous", lambda s: s.memory_format == "contiguous"
    for word in ("float64", "float32", "float16", "bfloat16"):
        yield word, partial(_is, "dtype", word)
    for word in ("backward_data", "backward_weight", "forward"):
        yield word, partial(_is, "direction", word)
    yield "backward", lambda s: s.direction != "forward"


def _is(field: str, word: str, scenario: Scenario) -> bool:
    return bool(getattr(scenario, field) == word)


def _of_problem(
    words: str, holds: Callable[[Problem], bool], otherwise: str = ""
) -> Iterator[tuple[str, Holds]]:
    yield words, lambda s: holds(s.problem)
    if otherwise:
        yield otherwise, lambda s: not holds(s.problem)


def _of_pair(
    name: str, pair_of: Callable[[Problem], tuple[int, int]], usual: int
) -> Iterator[tuple[str, Holds]]:
    """Yield what a stride, dilation or padding may be."""
    yield from _of_problem(
        f"{name} > {usual}", lambda p: pair_of(p) != (usual, usual), f"{name} {usual}"
    )
    yield from _of_problem(f"unequal {name}", lambda p: len(set(pair_of(p))) > 1, f"equal {name}")
    yield from _of_problem(f"{name} > {usual} along the height", lambda p: pair_of(p)[0] > usual)
    yield from _of_problem(f"{name} > {usual} along the width", lambda p: pair_of(p)[1] > usual)
    yield from _of_problem(f"{name} > {usual} along both axes", lambda p: min(pair_of(p)) > usual)


def _is_padded_beyond_the_kernel(p: Problem) -> bool:
    return p.pad_top >= p.effective_kernel_h > 1 or p.pad_left >= p.effective_kernel_w > 1


def _left_over(p: Problem) -> tuple[int, int]:
    """Return the rows and columns that no window reaches."""
    return (
        (p.padded_h - p.effective_kernel_h) % p.stride_h,
        (p.padded_w - p.effective_kernel_w) % p.stride_w,
    )


def _multiples() -> Iterator[tuple[str, Holds]]:
    for words, size in _SIZES.items():
        for factor in MULTIPLES:

            def holds(
                p: Problem, factor: int = factor, size: Callable[[Problem], int] = size
            ) -> bool:
                return size(p) % factor == 0

            yield from _of_problem(
                f"{words} a multiple of {factor}", holds, f"{words} no multiple of {factor}"
            )
