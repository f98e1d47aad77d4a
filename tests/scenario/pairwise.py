"""Which pairs of properties the edge shapes have, and layers that have what they lack.

    python -m tests.scenario.pairwise [--seed N]

prints every pair of levels, and every size around a block, that no forward shape in float32 has,
and lines for `scenarios/edge_shapes.yaml` that together have them all: of random layers the one
with the most that are still missing, time and again.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from suite.errors import UsageError
from suite.problem import Problem, Scenario
from suite.scenario.files import find_file, load_file

SIZES = (7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 257)
"""One less than a block that kernels are written for, a block, and one more: what is left over is
a case of its own. The last one is beyond all blocks that are usual."""
MOST_STEPS = 9_000
"""N·K·P·Q·C/g of a layer: the Python loops take some 10 µs for each."""
MOST_FLOPS = 1e6
MOST_CANDIDATES = 1_500

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
SIDES = ("pad_top", "pad_bottom", "pad_left", "pad_right")
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


def _exactly(factor: str, size: int) -> Pair:
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
    met.add(_exactly("columns out", problem.out_w))
    if problem.groups == 1:
        met.add(_exactly("channels in", problem.in_channels))
        met.add(_exactly("channels out", problem.out_channels))
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
    return pairs | {_exactly(factor, size) for factor in sized for size in SIZES}


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


# -- looking for layers that have what is missing ---------------------------------------------


def _drawn(draw: random.Random, choose: Callable[[str], str], unmet: set[Pair]) -> dict[str, Any]:
    """Return a random layer as the YAML has it; its levels are likely those chosen, not surely.

    Args:
        unmet: demands not yet met, by which sizes are preferred.
    """
    ranges = {"one": (1, 1), "few": (2, 8), "a tail": (9, 64), "over 64": (65, 65)}
    ranges["over 256"] = (257, 257)

    def size(factor: str) -> int:
        least, most = ranges[choose(factor)]
        sizes = [n for n in SIZES if least <= n <= most]
        fresh = [n for n in sizes if _exactly(factor, n) in unmet]
        return draw.choice(fresh or sizes or range(least, most + 1))

    c, k = size("channels in"), size("channels out")
    groups: Any = 1
    kind = choose("groups")
    if kind == "depthwise":
        c, groups = k, k
    elif kind == "depthwise, multiplied":
        multiplier = draw.randint(2, 3)
        c = groups = draw.choice([c, max(2, k // multiplier)])
        k = c * multiplier
    elif kind != "none":
        groups = draw.choice([2, 3, 4] if max(c, k) < 65 else [11, 33, 44])
        c = -(-c // groups) * groups
        k = -(-k // groups) * groups
    r, s = {
        "1x1": lambda: (1, 1),
        "3x3": lambda: (3, 3),
        "odd": lambda: draw.choice([(5, 5), (7, 7), (9, 9)]),
        "even": lambda: draw.choice([(2, 2), (4, 4), (2, 3), (5, 4), (6, 2)]),
        "oblong": lambda: draw.choice([(1, 3), (3, 1), (5, 3), (1, 7), (3, 5)]),
        "over 11": lambda: draw.choice([(12, 13), (1, 17), (33, 1), (13, 13), (3, 19)]),
    }[choose("kernel")]()

    def pair(factor: str, usual: int, most: int) -> tuple[int, int]:
        level = choose(factor)
        if level == str(usual):
            return usual, usual
        first = draw.randint(usual + 1, most)
        if level == "equal":
            return first, first
        second = draw.choice([n for n in range(usual, most + 1) if n != first])
        return draw.choice([(first, second), (second, first)])

    dilation, stride = pair("dilation", 1, 3), pair("stride", 1, 4)
    reach = ((r - 1) * dilation[0] + 1, (s - 1) * dilation[1] + 1)
    if choose("padding") == "beyond the kernel":
        top, left = draw.choice([(reach[0], 0), (0, reach[1] + 1), (reach[0] + 1, reach[1])])
        sides = (top, top, left, left)
    elif choose("padding") == "four sides":
        sides = draw.choice([(0, 1, 2, 3), (1, 0, 0, 2), (2, 1, 0, 0), (0, 2, 1, 0)])
    else:
        top, left = pair("padding", 0, 3)
        sides = (top, top, left, left)
    rows = min(size("rows out"), 67)
    plane = [
        max(1, (out - 1) * step + span + draw.randrange(step) - sum(pads))
        for out, step, span, pads in (
            (rows, stride[0], reach[0], sides[:2]),
            (size("columns out"), stride[1], reach[1], sides[2:]),
        )
    ]
    layer: dict[str, Any] = {
        "batch_size": int(choose("batch")) + (draw.randrange(3) if choose("batch") == "3" else 0),
        "in_channels": c,
        "out_channels": k,
        "groups": groups,
        "input_size": plane,
        "kernel_size": [r, s],
        "stride": list(stride),
        "padding": list(sides),
        "dilation": list(dilation),
        "bias": choose("bias") == "True",
        "memory_format": choose("format"),
    }
    return layer


def scenario_of(layer: dict[str, Any]) -> Scenario:
    (h, w), (r, s) = layer["input_size"], layer["kernel_size"]
    problem = Problem(
        batch_size=layer["batch_size"],
        in_channels=layer["in_channels"],
        out_channels=layer["out_channels"],
        groups=layer["groups"],
        height=h,
        width=w,
        kernel_h=r,
        kernel_w=s,
        bias=layer["bias"],
        **dict(zip(("stride_h", "stride_w"), layer["stride"], strict=True)),
        **dict(zip(("dilation_h", "dilation_w"), layer["dilation"], strict=True)),
        **dict(
            zip(("pad_top", "pad_bottom", "pad_left", "pad_right"), layer["padding"], strict=True)
        ),
    )
    return Scenario(id="p/1", problem=problem, memory_format=layer["memory_format"])


STRUCTURE = ("batch", "groups", "kernel", "stride", "padding", "dilation", "bias")


def _triples(of: Levels) -> Iterator[tuple[tuple[str, str], ...]]:
    yield from itertools.combinations(((f, of[f]) for f in STRUCTURE), 3)


def completing(scenarios: Iterable[Scenario], seed: int) -> Iterator[dict[str, Any]]:
    """Yield layers that together have every pair that the scenarios lack.

    Among equals those are taken that have more new triples of what gives a convolution its form,
    and cost the Python loops less.
    """
    known = [s for s in scenarios if s.direction == "forward" and s.dtype == "float32"]
    left = missing(known)
    triples = {triple for s in known for triple in _triples(levels(s))}
    draw = random.Random(seed)
    while left:
        best, best_worth = None, 0.0
        # Sizes come along with pairs, and hardly the other way round.
        goal = draw.choice(sorted(p for p in left if p[2] != "exactly") or sorted(left))
        for _ in range(MOST_CANDIDATES):
            sought = dict((goal[:2], goal[2:]))
            chosen: dict[str, str] = {}

            def choose(factor: str, chosen=chosen, sought=sought) -> str:
                if factor not in chosen:
                    chosen[factor] = sought.get(factor) or draw.choice(LEVELS[factor])
                return chosen[factor]

            layer = _drawn(draw, choose, left)
            with contextlib.suppress(UsageError):
                scenario = scenario_of(layer)
                problem = scenario.problem
                if steps(problem) > MOST_STEPS or problem.direct_flops >= MOST_FLOPS:
                    continue
                of = levels(scenario)
                new = len(left & demands_met(scenario))
                more = sum(triple not in triples for triple in _triples(of))
                worth = new + 0.05 * more - steps(problem) / 20_000
                if new and worth > best_worth:
                    best, best_worth = (layer, scenario), worth
        if best is None:
            raise LookupError(f"no layer has {goal}")
        layer, scenario = best
        of = levels(scenario)
        left -= demands_met(scenario)
        triples.update(_triples(of))
        yield layer


def line_of(layer: dict[str, Any]) -> str:
    """Return a layer as a line of YAML, without what is usual."""
    usual = {
        "batch_size": 1,
        "groups": 1,
        "stride": [1, 1],
        "padding": [0, 0],
        "dilation": [1, 1],
        "bias": False,
        "memory_format": "contiguous",
    }
    shown = dict(layer)
    top, bottom, left, right = layer["padding"]
    if (top, left) == (bottom, right):
        shown["padding"] = [top, left]
    words = []
    for key, value in shown.items():
        if key in usual and value == usual[key]:
            continue
        if isinstance(value, bool):
            word = str(value).lower()
        elif isinstance(value, list) and len(set(value)) == 1:
            word = str(value[0])
        else:
            word = str(value)
        words.append(f"{key}: {word}")
    return f"  - {{{', '.join(words)}}}"


def main() -> None:
    parser = argparse.ArgumentParser(description="What pairs the edge shapes lack.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    scenarios = load_file(find_file("edge_shapes")).scenarios
    for pair in sorted(missing(scenarios)):
        print("# missing: {} {}, {} {}".format(*pair))
    for layer in completing(scenarios, options.seed):
        print(line_of(layer))


if __name__ == "__main__":
    main()
