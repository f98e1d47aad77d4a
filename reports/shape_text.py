"""A convolution in words: its sizes, and whatever is not as usual."""

from __future__ import annotations

from suite import values
from suite.conditions import Scenario
from suite.epilogues import NONE
from suite.problem import Problem


def shape_words(scenario: Scenario) -> str:
    """Return "input 1×3×16×16, weight 7×3×4×4, stride 4, bias"."""
    problem = scenario.problem
    words = [
        *_unless(problem.kind, "conv2d"),
        f"input {_times(problem.input_shape)}",
        f"weight {_times(problem.weight_shape)}",
        *(f"groups {problem.groups}" for _ in range(problem.groups != 1)),
        *_each("stride", problem.stride, 1),
        *_padding(problem),
        *_each("output padding", problem.output_padding, 0),
        *_each("dilation", problem.dilation, 1),
        *("bias" for _ in range(problem.bias)),
        *_unless(problem.epilogue, NONE),
        *_unless(scenario.dtype, "float32"),
        *_unless(scenario.memory_format, "contiguous"),
        *_unless(scenario.direction, "forward"),
        *_unless(scenario.device, "cpu"),
        *(() if scenario.has_usual_values else (_values(scenario),)),
    ]
    return ", ".join(words)


def _values(scenario: Scenario) -> str:
    return values.words(scenario.values, scenario.weight_values)


def _times(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _each(name: str, sizes: tuple[int, ...], usual: int) -> list[str]:
    if set(sizes) == {usual}:
        return []
    return [f"{name} {sizes[0] if len(set(sizes)) == 1 else _times(sizes)}"]


_SIDE_WORDS = (("before", "behind"), ("above", "below"), ("left", "right"))


def _padding(problem: Problem) -> list[str]:
    if not problem.is_asymmetric:
        return _each("padding", problem.padding, 0)
    sides = [
        f"{size} {word}"
        for words, pads in zip(_SIDE_WORDS[-problem.axes :], problem.pads, strict=True)
        for word, size in zip(words, pads, strict=True)
    ]
    return [f"padding {', '.join(sides)}"]


def _unless(value: str, usual: str) -> list[str]:
    return [] if value == usual else [value]
