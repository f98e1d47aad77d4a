"""Layers that have what the edge shapes lack of pairs of properties.

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

from suite.conditions import Scenario
from suite.errors import UsageError
from suite.problem import Problem
from suite.scenario.files import find_file, load_file
from tests.scenario.properties import (
    LEVELS,
    SIZES,
    Levels,
    Pair,
    demands_met,
    exactly,
    levels,
    missing,
    steps,
)

MOST_STEPS = 9_000
"""N·K·P·Q·C/g of a layer: the Python loops take some 10 µs for each."""
MOST_FLOPS = 1e6
MOST_CANDIDATES = 1_500


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
        fresh = [n for n in sizes if exactly(factor, n) in unmet]
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
