"""The lessons, in order: what each is about, what its table measures, what it asks to be done."""

from __future__ import annotations

from collections.abc import Sequence

from suite.errors import UsageError, did_you_mean
from suite.lessons.lesson import Cell, Lesson
from suite.lessons.tasks import (
    backward,
    columns,
    convolution,
    depthwise,
    error,
    fft,
    ladder,
    layouts,
    libraries,
    loops,
    pointwise,
    roofline,
    timing,
    winograd,
)

SPEED = ("time", "rate", "peak")


def _cells(scenarios: Sequence[str], *rows: str) -> tuple[Cell, ...]:
    """Return every row on every scenario."""
    return tuple(Cell(scenario=scenario, row=row) for scenario in scenarios for row in rows)


def _steps(scenario: str, **says: str) -> tuple[Cell, ...]:
    """Return rows on one scenario, each with what is new about it."""
    return tuple(Cell(scenario=scenario, row=row, says=text) for row, text in says.items())


LESSONS = (
    Lesson(
        name="convolution",
        title="What a convolution is",
        about="a window moves over a picture; why it is a correlation, and how large the result is",
        cells=_cells(["textbook"], "loops", "loops_numbers", "torch"),
        columns=("time", "rate"),
        tasks=convolution.TASKS,
    ),
    Lesson(
        name="loops",
        title="Five loops, and the three classic mistakes",
        about="all of conv2d's arguments in a page of Python, and what goes wrong in it",
        cells=_cells(
            ["textbook", "textbook-stride2", "textbook-kernel5"], "loops", "loops_numbers"
        ),
        columns=("time", "rate"),
        tasks=loops.TASKS,
    ),
    Lesson(
        name="ladder",
        title="From loops to memory",
        about="the same sum thousands of times faster, one change at a time",
        cells=_steps(
            "ladder",
            loops="five loops, torch for each window",
            loops_numbers="seven loops on Python's numbers",
            loops_unrolled="the window as one list",
            loops_scalar="compiled as it stands",
            loops_numba="rows innermost: vectors",
            loops_taps="eight products for each store",
            loops_blocked="sums stay in registers",
            direct_packed="weights packed once",
            winograd_tile6="F(2×2, 5×5): fewer products",
            winograd_tile8="F(4×4, 5×5): fewer still",
        ),
        columns=("time", "rate", "peak", "gain"),
        tasks=ladder.TASKS,
    ),
    Lesson(
        name="columns",
        title="Columns: im2col and MEC",
        about="a convolution as one matrix product, what it costs in memory, and how to pay less",
        cells=_cells(
            ["columns", "columns-7x7"], "loops_numba", "unfold", "im2row", "mec", "kn2row", "torch"
        ),
        columns=("time", "rate", "workspace"),
        tasks=columns.TASKS,
    ),
    Lesson(
        name="pointwise",
        title="Single pixels and patches",
        about="when a convolution is a matrix product already, and copying is all that is left",
        cells=(
            *_cells(["pixels"], "unfold", "kn2row", "gemm_1x1", "torch"),
            *_cells(["patches"], "unfold", "gemm_patches", "torch"),
        ),
        columns=(*SPEED, "workspace"),
        tasks=pointwise.TASKS,
    ),
    Lesson(
        name="fft",
        title="Fourier transforms, and when they win",
        about="a product for each frequency in place of a sum for each tap",
        cells=_cells(["fft-3", "fft-7", "fft-15", "fft-31"], "unfold", "fft", "fft_tiled", "torch"),
        columns=("time", "rate"),
        tasks=fft.TASKS,
    ),
    Lesson(
        name="winograd",
        title="Winograd: fewer products",
        about="where the three matrices come from, what they save, and what they cost in accuracy",
        cells=_cells(
            ["winograd"],
            "unfold",
            "direct_packed",
            "winograd_2x2",
            "winograd_4x4",
            "winograd_tile4",
            "winograd_tile6",
            "winograd_tile8",
            "torch",
        ),
        columns=("time", "rate", "error"),
        tasks=winograd.TASKS,
    ),
    Lesson(
        name="depthwise",
        title="Depthwise, and why it is slow",
        about="a tenth of the operations takes more than a tenth of the time",
        cells=(
            *_cells(["depthwise"], "unfold", "depthwise_shift", "depthwise", "torch"),
            *_cells(["dense"], "unfold", "direct_packed", "torch"),
        ),
        columns=SPEED,
        tasks=depthwise.TASKS,
    ),
    Lesson(
        name="backward",
        title="Backward: two more convolutions",
        about="the gradients of the input and of the weight, and what they cost",
        cells=_cells(["forward", "backward-data", "backward-weight"], "torch", "unfold", "fft"),
        columns=("time", "rate"),
        tasks=backward.TASKS,
    ),
    Lesson(
        name="layouts",
        title="Layouts: the order in memory",
        about="the same numbers in another order, and what a conversion costs",
        cells=_cells(
            ["nchw", "nhwc"], "unfold", "im2row", "direct_packed", "torch", "torch_channels_last"
        ),
        columns=SPEED,
        tasks=layouts.TASKS,
    ),
    Lesson(
        name="error",
        title="What error means",
        about="why results differ, how much they may, and what to compare with",
        cells=_cells(
            ["error"],
            "loops_scalar",
            "unfold",
            "fft",
            "winograd_2x2",
            "winograd_4x4",
            "winograd_tile8",
            "torch",
        ),
        columns=("error", "time"),
        tasks=error.TASKS,
    ),
    Lesson(
        name="timing",
        title="How to time without fooling oneself",
        about="clocks, caches, noise and those who cheat",
        cells=_cells(["hot", "cold"], "torch", "unfold", "winograd_tile6"),
        columns=("time", "range"),
        tasks=timing.TASKS,
    ),
    Lesson(
        name="roofline",
        title="Reading a roofline",
        about="what the machine allows, and what bounds a layer",
        cells=(
            *_cells(["roofline-depthwise"], "depthwise", "torch"),
            *_cells(["roofline-thin"], "gemm_1x1", "torch"),
            *_cells(["roofline-3x3"], "direct_packed", "torch"),
        ),
        columns=("intensity", "rate", "peak", "roof"),
        tasks=roofline.TASKS,
    ),
    Lesson(
        name="libraries",
        title="What libraries choose, and why",
        about="every rule that a library has, from the lessons before",
        cells=(
            *_cells(
                ["choose-3x3"], "unfold", "fft_tiled", "direct_packed", "winograd_tile6", "torch"
            ),
            *_cells(["choose-strided"], "unfold", "fft_tiled", "direct_packed", "torch"),
            *_cells(["choose-1x1"], "unfold", "fft_tiled", "gemm_1x1", "direct_packed", "torch"),
            *_cells(["choose-depthwise"], "unfold", "fft_tiled", "depthwise", "torch"),
            *_cells(["choose-large"], "unfold", "fft_tiled", "direct_packed", "torch"),
            *_cells(["choose-first"], "unfold", "fft_tiled", "direct_packed", "torch"),
        ),
        columns=("time", "rate"),
        tasks=libraries.TASKS,
    ),
)


def lesson_named(name: str) -> Lesson:
    """Return the lesson of this name, or of this number.

    Raises:
        UsageError: there is none; names the nearest and all.
    """
    for number, lesson in enumerate(LESSONS, 1):
        if name in (lesson.name, str(number)):
            return lesson
    names = [lesson.name for lesson in LESSONS]
    raise UsageError(
        f'there is no lesson "{name}".{did_you_mean(name, names)} There are: {", ".join(names)}, '
        f"or their numbers, 1 to {len(names)}"
    )
