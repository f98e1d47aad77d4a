"""A convolution in words: its sizes, and whatever is not as usual."""

from __future__ import annotations

from suite.epilogues import NONE
from suite.problem import Problem, Scenario


def shape_words(scenario: Scenario) -> str:
    """Return "input 1×3×16×16, weight 7×3×4×4, stride 4, bias"."""
    problem = scenario.problem
    words = [
        f"input {_times(problem.input_shape)}",
        f"weight {_times(problem.weight_shape)}",
        *(f"groups {problem.groups}" for _ in range(problem.groups != 1)),
        *_pair("stride", problem.stride, 1),
        *_padding(problem),
        *_pair("dilation", problem.dilation, 1),
        *("bias" for _ in range(problem.bias)),
        *_unless(problem.epilogue, NONE),
        *_unless(scenario.dtype, "float32"),
        *_unless(scenario.memory_format, "contiguous"),
        *_unless(scenario.direction, "forward"),
        *_unless(scenario.device, "cpu"),
    ]
    return ", ".join(words)


def _times(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _pair(name: str, sizes: tuple[int, int], usual: int) -> list[str]:
    if sizes == (usual, usual):
        return []
    return [f"{name} {sizes[0] if sizes[0] == sizes[1] else _times(sizes)}"]


def _padding(problem: Problem) -> list[str]:
    if not problem.is_asymmetric:
        return _pair("padding", (problem.pad_top, problem.pad_left), 0)
    return [
        f"padding {problem.pad_top} above, {problem.pad_bottom} below, {problem.pad_left} left, "
        f"{problem.pad_right} right"
    ]


def _unless(value: str, usual: str) -> list[str]:
    return [] if value == usual else [value]
