"""The table scenario × row in a terminal: how wide it is, what it calls things, what it marks."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from reports import grid, terminal
from reports.fitted_names import distinct, in_lines
from reports.folding import folded
from reports.text_frame import MOST_LINES
from reports.unsupported_text import unsupported_lines
from suite.results.cell import CellResult, Status
from suite.results.folder import Run
from tests.reports.synthetic import large_run, small_run
from tests.reports.test_disturbed import cut, disturbed_run

RECORDINGS = Path(__file__).parent / "recordings"
WIDTHS = (24, 40, 60, 80, 120, 200)


def printed(results: Sequence[CellResult], width: int = 80, **options: object) -> str:
    """Return what a terminal of this width without colours shows."""
    file = io.StringIO()
    grid.print_grid(terminal.PlainConsole(file=file, width=width), results, **options)
    return file.getvalue()


def many_rows() -> Run:
    """Return a run of 8 scenarios × 28 rows, whose names have much in common."""
    run = small_run()
    copies = [
        dataclasses.replace(result, implementation=f"{result.implementation}_{copy}")
        for result in run.results
        for copy in ("packed", "blocked", "channels_last")
    ]
    return dataclasses.replace(run, results=(*run.results, *copies))


def half_done() -> Run:
    """Return a run in its middle: a block or two of most cells, none of some, others at work."""
    known = disturbed_run().results[:40]
    counts = (1, 2, 3, 8)
    results = [
        dataclasses.replace(result, blocks=result.blocks[: counts[number % 4]])
        for number, result in enumerate(known)
    ]
    return dataclasses.replace(small_run(), results=tuple(results))


@pytest.mark.parametrize(
    ("name", "run", "own"),
    [
        ("whole_run", small_run, ()),
        ("own_rows", small_run, ("fft", "cudnn")),
        ("half_done", half_done, ()),
        ("many_rows", many_rows, ()),
        ("large_run", lambda: large_run(300), ()),
    ],
)
def test_eighty_columns_look_as_recorded(name, run, own):
    text = printed(run().results, own=own)

    assert text == (RECORDINGS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("run", [small_run, many_rows, half_done, lambda: large_run(200)])
def test_no_line_is_wider_than_the_terminal(run, width):
    results = run().results
    lines = printed(results, width, own=("fft",)).splitlines()
    folds = [line.plain for line in unsupported_lines(results, width)]

    assert max(map(cell_len, [*lines, *folds])) <= width


def test_ones_own_rows_have_times_besides_speedups_and_stand_although_nothing_ran():
    head, *lines = printed(small_run().results, 160, own=("fft", "cudnn")).splitlines()

    assert head.split("  ", 1)[1].split()[:6] == [
        *("torch", "(time)"),
        *("fft", "(time)", "fft"),
        "cudnn",
    ]
    (row,) = (line.split() for line in lines if line.startswith("large_kernel_31"))
    assert row[1:6] == ["34.3ms", "2.51ms*", "13.7×*", "·", "·"]


def test_rows_that_cover_nothing_have_no_column_and_a_reason():
    text = printed(small_run().results)
    folds = [line.plain for line in unsupported_lines(small_run().results, 200)]

    assert "cudnn" not in text
    assert "cudnn: 8 of 8 unsupported: needs CUDA; this machine has none" in folds


def test_each_mark_is_explained_and_no_other():
    whole, half = printed(small_run().results), printed(half_done().results)

    assert "* fastest" in whole
    assert "·" in whole
    for absent in ("≈", "~", "!", "blank"):
        assert absent not in whole
    for present in ("~ fewer than 3 blocks", "! disturbed", "blank: not measured yet"):
        assert present in half.replace("\n", " ")


def test_few_blocks_are_marked_and_nobody_is_fastest():
    text = printed(cut(small_run(), 2).results)
    figures = re.findall(r"[\d.]+(?:×|[mµ]s)\S?", text)

    assert figures
    assert all(figure.endswith("~") for figure in figures)


def test_who_is_level_is_marked_alike():
    torch = next(r for r in small_run().results if r.status is Status.PASSED)
    twin = dataclasses.replace(
        torch,
        implementation="twin",
        blocks=tuple(
            dataclasses.replace(
                b, samples_s=tuple(s * (0.9 if n % 2 else 1.1) for s in b.samples_s)
            )
            for n, b in enumerate(torch.blocks)
        ),
    )
    text = printed([torch, twin])

    assert text.count("≈") == 3  # one of them in the legend
    assert "*" not in text


def test_a_later_result_of_a_cell_takes_the_place_of_an_earlier_one():
    results = small_run().results

    assert printed([*cut(small_run(), 1).results, *results]) == printed(results)


def test_rows_stand_in_the_order_asked_for_the_reference_first():
    head = printed(small_run().results, 160, order=("fft", "loops", "torch")).splitlines()[0]

    assert head.split()[:4] == ["torch", "(time)", "fft", "loops"]


def test_colours_say_the_same_as_marks():
    file = io.StringIO()
    console = terminal.PlainConsole(file=file, width=80, force_terminal=True, color_system="256")
    grid.print_grid(console, disturbed_run().results)
    text = file.getvalue()

    assert re.search(r"\x1b\[1;32m +13\.7×\*", text)
    assert re.search(r"\x1b\[33m +628µs!", text)
    assert re.search(r"\x1b\[1;31m +wrong", text)


def test_an_empty_run_prints_nothing():
    assert printed([]) == ""


def test_what_is_beyond_a_screen_is_counted():
    text = printed(large_run(MOST_LINES * 8 + 80).results)

    assert "and 10 more scenarios in the report" in text


names = st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1))


@given(names, st.integers(8, 40))
def test_shortened_names_fit_and_stay_distinct(some, width):
    short = distinct(some, width)

    assert all(cell_len(name) <= width for name in short)
    assert len(set(short)) == len(set(some))


@given(st.from_regex(r"\A[a-z]{1,12}([-_.][a-z0-9]{1,12}){0,4}\Z"), st.integers(2, 30))
def test_a_name_in_lines_is_whole(name, width):
    lines = in_lines(name, width)

    assert "".join(lines) == name
    assert all(len(line) <= width for line in lines)


def test_reasons_that_differ_in_figures_alone_are_one():
    reasons = [
        "needs a 1×1 kernel, this one is 3×3",
        "needs a 1×1 kernel, this one is 31×31",
        "12,845,056 passes; the limit is 300,000",
        "needs stride 1",
        "589,824 passes; the limit is 300,000",
        "torch 2.6.0 is too old",
        "torch 2.5.1 is too old",
    ]

    assert {fold.text: fold.count for fold in folded(reasons)} == {
        "needs a 1×1 kernel": 2,
        "589,824 to 12,845,056 passes; the limit is 300,000": 2,
        "torch 2.5.1 to 2.6.0 is too old": 2,
        "needs stride 1": 1,
    }
