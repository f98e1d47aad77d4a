"""What `demo` does: which rows filter, what the table says of them, and the picture."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from reports import demo_picture, terminal, units
from reports.demo_steps import framed_piece, ways
from suite.demo.filtering import (
    FILTERS,
    Filtered,
    Photograph,
    Row,
    filter_with,
    load,
)
from suite.demo.kernels import SOBEL, gaussian
from suite.errors import EXIT_GOOD, EXIT_WRONG, UsageError
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import describe, read_catalogue
from suite.registry.sources import Source
from suite.results.cell import Status

TREE = Path(__file__).resolve().parents[1]
"""The checkout, whose `impls/` hold the rows."""
ROWS = {
    "torch": "impls.vendor",
    "loops": "impls.loops",
    "separable": "impls.separable",
    "unfold": "impls.im2col",
    "kn2row": "impls.gemm",
    "fft": "impls.fft",
    "winograd_2x2": "impls.winograd",
}
"""One row for each way to compute, with its module: to import all that there is takes longer than
all of the filtering."""
OF_FAMILY = {
    "reference": "The convolution that speed-ups are measured against.",
    "loops": "Loops over every output pixel and its window, as the definition says.",
    "direct": "The sums of the definition, in an order that suits the caches.",
    "im2col": "Windows are copied into columns; one matrix product does all sums.",
    "gemm": "Matrix products on views of the input, without columns.",
    "fft": "A product for each frequency, between two Fourier transforms.",
    "winograd": "Tiles and weights are transformed so that fewer products are needed.",
    "depthwise": "Each channel by itself: whole planes, shifted, times a weight, added up.",
    "vendor": "What a library does when it is called.",
    "engine": "What an inference engine does when it is called.",
    "auto": "Whichever row is likely to be the fastest here.",
}


def filter_and_show(options: argparse.Namespace) -> int:
    console = terminal.console()
    photograph = load(options.image)
    with scratch_folder() as scratch:
        log = scratch / "worker.log"
        rows = _rows(options.plugin or (), options.impl or (), log)
        filtered = list(filter_with(rows, photograph.grey, log))
    for line in _about(photograph):
        console.print(line, soft_wrap=True)
    console.print(_table(filtered))
    for line in _meaning(filtered):
        console.print(line, soft_wrap=True)
    whole = [result for result in filtered if len(result.planes) == len(FILTERS)]
    if whole:
        families = {result.family for result in filtered if result.planes}
        steps = ways(families, photograph.grey, SOBEL, gaussian())
        original = demo_picture.Original(
            photograph.height, photograph.width, photograph.colour, photograph.grey
        )
        planes = dict(zip(FILTERS, whole[0].planes, strict=True))
        piece = framed_piece(photograph.grey) if steps else None
        picture = demo_picture.write(original, planes, steps, piece, options.out)
        console.print(f"picture of the steps: {picture}", soft_wrap=True)
    is_wrong = any(result.status == Status.INCORRECT for result in filtered)
    return EXIT_GOOD if whole and not is_wrong else EXIT_WRONG


def _rows(plugins: Sequence[Path], patterns: Sequence[str], log: Path) -> list[Row]:
    """Return what was asked for, or one row a way of computing and what the plug-ins register.

    Raises:
        UsageError: a plug-in does not import or registers nothing, or a name that there is not.
    """
    if patterns:
        # It takes as long to import as all rows to filter, and knows what names there are.
        from commands._preparing import chosen_arms  # noqa: PLC0415

        catalogue = read_catalogue(TREE, plugins, log)
        return [Row(arm.name, arm.source) for arm in chosen_arms(catalogue, patterns)]
    rows = [Row(name, Source(module, str(TREE))) for name, module in ROWS.items()]
    own = describe([Source(str(plugin.resolve())) for plugin in plugins], log)
    if own.failures:
        raise UsageError("\n".join(own.failures))
    if plugins and not own.entries:
        names = ", ".join(map(str, plugins))
        raise UsageError(f'{names}: registers nothing; put @register("mine", ...) over a function')
    return [*rows, *(Row(entry.name, entry.source) for entry in own.entries)]


def _about(photograph: Photograph) -> list[str]:
    """Return what is filtered: what was made of the photograph, and the layers."""
    height, width = photograph.grey.shape
    changes = "made grey" + (
        f" and shrunk to {height}×{width}, so that Python loops are soon done"
        if photograph.is_shrunk
        else ""
    )
    return [
        f"{photograph.source}, {photograph.height}×{photograph.width}: {changes}.",
        f"Filters: Sobel's two gradients, (1, 1, {height}, {width}) → (1, 2, {height}, {width}) by "
        f"3×3 weights, and a Gaussian blur, → (1, 1, {height}, {width}) by 9×9.",
    ]


def _table(filtered: Iterable[Filtered]) -> Table:
    """Return how long each implementation took, how far it is off, and how it computes."""
    shown = terminal.table("implementation", "time>", "error>", "how it computes")
    for result in filtered:
        failed = "" if result.status == Status.PASSED else result.status.replace("_", " ")
        shown.add_row(
            Text(result.implementation),
            Text(failed, style=terminal.FAILED) if failed else units.seconds(result.time_s),
            "" if result.largest_error is None else units.error(result.largest_error),
            Text(_sentence(result)),
        )
    return shown


def _sentence(result: Filtered) -> str:
    """Return how it computes, by its own docstring or its family, and what it does not do."""
    if result.status != Status.PASSED:
        return result.reason
    how = result.summary or OF_FAMILY.get(result.family, "")
    return f"{how} Not here: {result.reason}." if result.reason else how


def _meaning(filtered: Iterable[Filtered]) -> list[str]:
    """Return what the columns are."""
    if not any(result.planes for result in filtered):
        return []
    return [
        "time: of the filters a row covers, a rough one (`run` measures). error: the largest "
        "difference from nn.Conv2d with the same weights, grey being 0 to 1; a screen shows 4e-03.",
    ]
