"""Which pairs of properties, and which sizes around a block, edge shapes have and lack."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

from suite.conditions import Scenario
from suite.problem import Problem

SIZES = (7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 257)
"""One less than a block that kernels are written for, a block, and one more: what is left over is
a case of its own. The last one is beyond all blocks that are usual."""

Pair = tuple[str, str, str, str]
Levels = dict[str, str]


def size_of(number: int) -> str:
    for level, least in (("over 256", 257), ("over 64", 65), ("a tail", 9), ("few", 2)):
        if number >= least:
            return level
    return "one"


def _groups(p: Problem) -> str:
    if p.groups == 1:
        return "none"
    if p.groups == p.in_channels:
        return "depthwise" if p.out_channels == p.in_channels else "depthwise, multiplied"
    return "several in a group"


def _kernel(p: Problem) -> str:
    h, w = p.kernel
    if max(h, w) > 11:
        return "over 11"
    if (h, w) in ((1, 1), (3, 3)):
        return f"{h}x{w}"
    if h % 2 == 0 or w % 2 == 0:
        return "even"
    return "odd" if h == w else "oblong"


def _both(pair: tuple[int, int], usual: int) -> str:
    if pair == (usual, usual):
        return str(usual)
    return "equal" if pair[0] == pair[1] else "unequal"


def _padding(p: Problem) -> str:
    if p.is_asymmetric:
        return "four sides"
    if p.pad_top >= p.effective_kernel_h > 1 or p.pad_left >= p.effective_kernel_w > 1:
        return "beyond the kernel"
    return _both((p.pad_top, p.pad_left), 0)


FACTORS: dict[str, Callable[[Scenario], str]] = {
    "batch": lambda s: str(min(s.problem.batch_size, 3)),
    "channels in": lambda s: size_of(s.problem.in_channels),
    "channels out": lambda s: size_of(s.problem.out_channels),
    "rows out": lambda s: size_of(min(s.problem.out_h, 256)),
    "columns out": lambda s: size_of(s.problem.out_w),
    "groups": lambda s: _groups(s.problem),
    "kernel": lambda s: _kernel(s.problem),
    "stride": lambda s: _both(s.problem.stride, 1),
    "padding": lambda s: _padding(s.problem),
    "dilation": lambda s: _both(s.problem.dilation, 1),
    "bias": lambda s: str(s.problem.bias),
    "format": lambda s: s.memory_format,
}
LEVELS: dict[str, tuple[str, ...]] = {
    "batch": ("1", "2", "3"),
    "channels in": ("one", "few", "a tail", "over 64", "over 256"),
    "channels out": ("one", "few", "a tail", "over 64", "over 256"),
    "rows out": ("one", "few", "a tail", "over 64"),
    "columns out": ("one", "few", "a tail", "over 64", "over 256"),
    "groups": ("none", "several in a group", "depthwise", "depthwise, multiplied"),
    "kernel": ("1x1", "3x3", "odd", "even", "oblong", "over 11"),
    "stride": ("1", "equal", "unequal"),
    "padding": ("0", "equal", "unequal", "four sides", "beyond the kernel"),
    "dilation": ("1", "equal", "unequal"),
    "bias": ("False", "True"),
    "format": ("contiguous", "channels_last"),
}
LARGE = ("over 64", "over 256")


def cannot_be(pair: Pair) -> str | None:
    """Return why no edge shape needs to have a pair of levels; None where one has to."""
    one, level, other, other_level = pair
    sizes = {one: level, other: other_level}
    if sizes.get("groups", "none") != "none" and "one" in (
        sizes.get("channels in"),
        sizes.get("channels out"),
    ):
        return "a single channel is not divided"
    if sizes.get("groups") == "depthwise, multiplied" and sizes.get("channels out") == "one":
        return "multiplied channels are several"
    if sizes.get("kernel") == "1x1" and sizes.get("padding") == "beyond the kernel":
        return "any padding of a single tap is"
    large = [sizes[f] for f in ("channels in", "channels out") if sizes.get(f) in LARGE]
    large += [sizes[f] for f in ("rows out", "columns out") if sizes.get(f) in LARGE]
    if len(large) == 2 and "over 256" in large:
        return "both together take the Python loops seconds"
    return None


def levels(scenario: Scenario) -> Levels:
    return {factor: level(scenario) for factor, level in FACTORS.items()}


def pairs_of(of: Levels) -> Iterator[Pair]:
    for (one, level), (other, other_level) in itertools.combinations(of.items(), 2):
        yield one, level, other, other_level


def meets_input(problem: Problem) -> bool:
    """Return whether at least half of the results along each axis are sums of more than padding."""
    axes = (
        (problem.out_h, problem.stride_h, problem.pad_top, problem.height),
        (problem.out_w, problem.stride_w, problem.pad_left, problem.width),
    )
    spans = zip(axes, problem.kernel, problem.dilation, strict=True)
    for (results, stride, pad, size), taps, dilation in spans:
        read = (
            any(0 <= at * stride + tap * dilation - pad < size for tap in range(taps))
            for at in range(results)
        )
        if 2 * sum(read) < results:
            return False
    return True


def exactly(factor: str, size: int) -> Pair:
    return factor, size_of(size), "exactly", str(size)


def demands_met(scenario: Scenario) -> set[Pair]:
    """Return the pairs of levels that a scenario has, and the sizes around blocks.

    Channels count where they are not divided. Where most results are sums of padding alone there
    is little to be wrong: such a scenario has nothing.
    """
    if not meets_input(scenario.problem):
        return set()
    met = set(pairs_of(levels(scenario)))
    problem = scenario.problem
    met.add(exactly("columns out", problem.out_w))
    if problem.groups == 1:
        met.add(exactly("channels in", problem.in_channels))
        met.add(exactly("channels out", problem.out_channels))
    return met


def demands() -> set[Pair]:
    """Return all pairs of levels, and all sizes, that some edge shape has to have."""
    pairs = {
        pair
        for one, other in itertools.combinations(LEVELS, 2)
        for level in LEVELS[one]
        for other_level in LEVELS[other]
        if cannot_be(pair := (one, level, other, other_level)) is None
    }
    sized = ("channels in", "channels out", "columns out")
    return pairs | {exactly(factor, size) for factor in sized for size in SIZES}


def missing(scenarios: Iterable[Scenario]) -> set[Pair]:
    """Return the demands that no forward shape in float32 meets: what every row computes."""
    met = (
        demands_met(scenario)
        for scenario in scenarios
        if scenario.direction == "forward" and scenario.dtype == "float32"
    )
    return demands().difference(*met)


def steps(problem: Problem) -> int:
    return problem.output_elements * (problem.in_channels // problem.groups)
