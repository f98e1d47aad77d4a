"""Edge shapes of the other kinds: each pair of properties in some small problem of the kind.

    python -m tests.scenario.kind_shapes

writes scenarios/edge_shapes_1d.yaml, edge_shapes_3d.yaml and edge_shapes_transposed.yaml anew: of
random problems the one with the most pairs that are still missing, time and again, behind those
that stand below because somebody got them wrong.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

from suite.conditions import Direction, Scenario
from suite.errors import UsageError
from suite.kinds import AXES_OF, TRANSPOSED, axis_fields, side_fields
from suite.problem import Problem
from suite.scenario.files import SHIPPED
from suite.scenario.writer import scenario_text

FILES = {
    "edge_shapes_1d": ("conv1d",),
    "edge_shapes_3d": ("conv3d",),
    "edge_shapes_transposed": TRANSPOSED,
}
DRAWN = {1: 60, 2: 60, 3: 60}
"""Problems of a kind with so many axes."""
CANDIDATES = 400
MOST_STEPS = 1_500
"""Places of the innermost Python loop: 10 µs each."""
SIZES = {1: (1, 2, 3, 7, 8, 9, 15, 17, 31, 33, 63, 65, 130, 257), 2: range(1, 11), 3: range(1, 6)}
KERNELS = {1: (1, 2, 3, 4, 5, 8, 13, 31), 2: (1, 2, 3, 4, 5), 3: (1, 2, 3)}


def drawn(kind: str, draw: random.Random) -> Problem:
    """Return a random small problem of a kind.

    Raises:
        UsageError: its sizes do not fit each other.
    """
    axes, transposed = AXES_OF[kind], kind in TRANSPOSED

    def each(*choices: int) -> list[int]:
        """All axes alike half of the time."""
        one = draw.choice(choices)
        return [one if draw.random() < 0.5 else draw.choice(choices) for _ in range(axes)]

    channels = draw.choice((1, 1, 2, 3, 5, 8, 9, 16, 17))
    other = draw.choice((1, 2, 3, 5, 8, 16, 17, 33))
    groups = draw.choice((1, 1, 2, 3, "depthwise", "multiplied"))
    if groups == "depthwise":
        groups, other = channels, channels
    elif groups == "multiplied":
        groups, other = channels, channels * draw.choice((2, 3))
    else:
        channels, other = channels * groups, other * groups
    pads = [(size, size) for size in each(0, 0, 1, 2, 5)]
    if not transposed and draw.random() < 0.3:
        pads = [(before, draw.choice((0, 1, 3))) for before, _ in pads]
    fields: dict[str, Any] = {
        **axis_fields("size", each(*SIZES[axes])),
        **axis_fields("kernel", each(*KERNELS[axes])),
        **axis_fields("stride", each(1, 1, 2, 3, 4)),
        **axis_fields("dilation", each(1, 1, 2, 3)),
        **axis_fields("output_pad", each(0, 0, 1, 2) if transposed else [0] * axes),
        **side_fields(pads),
    }
    return Problem(
        batch_size=draw.choice((1, 1, 2, 3)),
        in_channels=channels,
        out_channels=other,
        groups=groups,
        bias=draw.random() < 0.4,
        kind=kind,
        **fields,
    )


def properties(scenario: Scenario) -> set[str]:
    """Return what of a problem its pairs are made of."""
    p = scenario.problem
    covered = zip(p.effective_kernel, p.input_size, p.stride, p.pads, strict=True)
    axes = list(covered)
    return {
        f"batch {min(p.batch_size, 2)}",
        f"in {'one' if p.in_channels == 1 else 'few' if p.in_channels < 9 else 'many'}",
        f"out {'one' if p.out_channels == 1 else 'few' if p.out_channels < 9 else 'many'}",
        "depthwise" if p.is_depthwise else f"groups {min(p.groups, 2)}",
        f"bias {p.bias}",
        f"strides {sorted({min(s, 3) for s in p.stride})}",
        f"dilations {sorted({min(d, 2) for d in p.dilation})}",
        f"kernel {'even' if any(k % 2 == 0 for k in p.kernel) else 'odd'} "
        f"{'one' if p.taps == 1 else 'more'}",
        f"oblong {len(set(p.kernel)) > 1}",
        f"uneven padding {p.is_asymmetric}",
        f"padded {p.is_padded} beyond {any(max(pad) >= k for k, _, _, pad in axes)}",
        f"stride beyond kernel {any(s > k for k, _, s, _ in axes)}",
        f"kernel beyond input {any(k > size for k, size, _, _ in axes)}",
        f"one place {any(size == 1 for _, size, _, _ in axes)}",
        f"output padding {max(p.output_padding)}",
        f"format {scenario.memory_format}",
    }


def pairs(scenario: Scenario) -> set[tuple[str, str]]:
    return set(itertools.combinations(sorted(properties(scenario)), 2))


def steps(problem: Problem) -> int:
    if problem.is_transposed:
        return problem.input_elements
    return problem.output_elements * (problem.in_channels // problem.groups)


def candidates(kind: str, draw: random.Random) -> Iterator[Scenario]:
    found = 0
    while found < CANDIDATES:
        try:
            problem = drawn(kind, draw)
        except UsageError:
            continue
        if steps(problem) <= MOST_STEPS and problem.direct_flops < 4e6:
            found += 1
            memory_format = draw.choice(("contiguous", "channels_last"))
            yield Scenario(id="", problem=problem, memory_format=memory_format)


def shapes(kind: str, seed: int = 0) -> list[Scenario]:
    """Return the shapes of a kind, without ids."""
    draw, met, chosen = random.Random(seed), set[tuple[str, str]](), list(known(kind))
    for scenario in chosen:
        met |= pairs(scenario)
    for _ in range(DRAWN[AXES_OF[kind]]):
        best = max(candidates(kind, draw), key=lambda scenario: len(pairs(scenario) - met))
        met |= pairs(best)
        chosen.append(best)
    return chosen


def known(kind: str) -> Iterator[Scenario]:
    """Yield what has to be among them whatever is drawn."""
    axes, transposed = AXES_OF[kind], kind in TRANSPOSED

    def of(
        direction: Direction = "forward",
        dtype: str = "float32",
        memory_format: str = "contiguous",
        **given: Any,
    ) -> Scenario:
        c, k = given.pop("channels", (5, 7))
        groups = given.get("groups", 1)
        size, kernel = given.pop("size", 6), given.pop("kernel", 3)
        weight = (c, k // groups) if transposed else (k, c // groups)
        batch = given.pop("batch", 1)
        input_shape = (batch, c, *((size,) * axes))
        weight_shape = (*weight, *((kernel,) * axes))
        problem = Problem.of_call(input_shape, weight_shape, transposed=transposed, **given)
        return Scenario(
            id="", problem=problem, direction=direction, dtype=dtype, memory_format=memory_format
        )

    yield of(batch=0, padding=1)
    yield of(channels=(2, 2), size=3, kernel=2, padding=1, bias=True, dtype="float64")
    yield of(channels=(2, 2), size=3, kernel=2, stride=2, groups=2, dtype="float64")
    yield of(kernel=1, bias=True)
    yield of(size=1, kernel=1)
    yield of(kernel=6)
    yield of(kernel=2, stride=2, size=4, bias=True)
    yield of(kernel=3, stride=3, padding=1)
    yield of(channels=(6, 6), groups=6, padding=1)
    yield of(channels=(6, 12), groups=6, kernel=2, dtype="float64")
    yield of(channels=(6, 4), groups=2, stride=2, padding=1, memory_format="channels_last")
    if transposed:
        yield of(stride=2, padding=1, output_padding=1, bias=True)
        yield of(stride=3, output_padding=2, memory_format="channels_last")
        yield of(stride=2, dilation=3, output_padding=2)
        yield of(kernel=2, stride=4, output_padding=1)
    for direction in ("backward_data", "backward_weight"):
        yield of(direction, padding=1)
        yield of(direction, batch=2, stride=2, padding=1, dilation=2, size=7)
        yield of(direction, channels=(6, 4), groups=2, kernel=2, dtype="float64")
        yield of(direction, channels=(6, 6), groups=6, stride=2, memory_format="channels_last")
    if kind == "conv1d":
        yield from causal()


def causal() -> Iterator[Scenario]:
    """Yield what state-space models and sequences have: zeros on the left alone, long kernels."""
    for channels, size, kernel, dilation in (
        (8, 40, 4, 1),
        (17, 33, 3, 2),
        (16, 64, 2, 1),
        (3, 5, 8, 1),
        (2, 300, 260, 1),
        (1, 1024, 1024, 1),
    ):
        problem = Problem(
            batch_size=2,
            in_channels=channels,
            out_channels=channels,
            groups=channels,
            height=1,
            width=size,
            kernel_h=1,
            kernel_w=kernel,
            dilation_w=dilation,
            pad_left=dilation * (kernel - 1),
            bias=True,
            kind="conv1d",
        )
        for memory_format in ("contiguous", "channels_last")[: 1 + (size < 100)]:
            yield Scenario(id="", problem=problem, memory_format=memory_format)


def text_of(name: str) -> str:
    """Return one of the files, its ids made of numbers in order."""
    scenarios = [scenario for kind in FILES[name] for scenario in shapes(kind)]
    named = [
        Scenario(**{**vars(scenario), "id": f"{name}/{_identity(scenario, number)}"})
        for number, scenario in enumerate(scenarios)
    ]
    kinds = ", ".join(FILES[name])
    description = f"{len(named)} small problems at the borders of what {kinds} cover, for check"
    head = (
        "# yaml-language-server: $schema=schema.json\n"
        "# Made by `python -m tests.scenario.kind_shapes`: each pair of properties in a small "
        "problem.\n"
    )
    # Unquoted, as lists of files read no further than a line that begins with a word.
    return head + scenario_text(name, description, named).replace(f'"{description}"', description)


def _identity(scenario: Scenario, number: int) -> str:
    kind = scenario.problem.kind.removeprefix("conv_").removeprefix("conv")
    direction = {"backward_data": "-data", "backward_weight": "-weight"}
    return f"{kind}-{number}{direction.get(scenario.direction, '')}"


if __name__ == "__main__":
    for name in FILES:
        (SHIPPED / f"{name}.yaml").write_text(text_of(name), encoding="utf-8")
