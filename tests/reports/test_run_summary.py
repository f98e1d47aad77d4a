"""What stands at the end of a run in a terminal of 80 columns."""

from __future__ import annotations

import dataclasses
import io
from itertools import pairwise
from pathlib import Path

import pytest

from reports.choices_text import choice_lines
from reports.matrix import Matrix
from reports.network_text import network_lines
from reports.run_summary import print_summary
from reports.terminal import PlainConsole
from suite.results.cell import CellResult, Status
from suite.results.folder import Run
from tests.reports.synthetic import small_run
from tests.reports.test_disturbed import disturbed_run

RECORDINGS = Path(__file__).parent / "recordings"
SPENT = {"inside_share": 0.74, "wall_s": 78.2, "judging_s": 9.1, "checking_s": 2.0, "starting_s": 4}


def printed(run: Run, *, verbose: bool = False, is_terminal: bool = False) -> str:
    file = io.StringIO()
    print_summary(
        PlainConsole(file=file, width=80, force_terminal=is_terminal, no_color=True),
        run,
        spent=SPENT,
        not_measured=["quick/huge × loops"],
        again="python run_bench.py run quick --resume",
        own=("fft",),
        verbose=verbose,
    )
    return file.getvalue()


def test_eighty_columns_look_as_recorded():
    assert printed(small_run()) == (RECORDINGS / "summary.txt").read_text(encoding="utf-8")


def chosen(row: str, source: str, number: int, memory_format: str = "contiguous") -> CellResult:
    """Return a cell of `auto` that chose a row."""
    result = next(r for r in small_run().results if r.status is Status.PASSED)
    scenario = dataclasses.replace(
        result.scenario, id=f"net/layer{number}", memory_format=memory_format
    )
    notes = ("gradient by autograd", f"chose {row}, {source}; restored torch's threads")
    return dataclasses.replace(
        result, scenario=scenario, implementation="auto", family="auto", notes=notes
    )


def test_what_auto_chose_is_told_by_row_the_most_frequent_first():
    table = "by the table of 2026-11-28T10:00+00:00"
    results = [
        chosen("torch", table, 1),
        chosen("gemm_1x1", table, 2),
        chosen("gemm_1x1", table, 3),
        chosen(f"gemm_1x1, {table}; in channels_last torch", table, 4, "channels_last"),
        *small_run().results,
    ]
    lines = [line.plain for line in choice_lines(results, 200)]

    assert lines == [f"auto chose, {table}: torch in layer1, layer4; gemm_1x1 in layer2, layer3"]


def test_each_thing_that_it_chose_by_has_a_paragraph_and_lines_keep_the_width():
    model = "by the built-in model (no table yet: python run_bench.py tune)"
    results = [chosen("torch", model, n) for n in range(30)] + [chosen("fft", "by the table", 31)]
    lines = [line.plain for line in choice_lines(results, 80)]

    assert sum(line.startswith("auto chose, ") for line in lines) == 2
    assert max(map(len, lines)) <= 80
    assert choice_lines(small_run().results, 80) == []


def test_networks_have_the_reference_and_the_best_mix_however_many_rows_are_faster():
    lines = [line.plain for line in network_lines(Matrix.of(small_run()), 120)]
    names = [line.split("  ")[1] for line in lines[1:]]

    assert lines[0] == "quick: 12 convolutions a pass, 8 different"
    assert {"torch", "best mix per layer", "loops"} <= {name.strip() for name in names}
    (mix,) = (after for line, after in pairwise(lines) if "best mix" in line)
    assert mix.startswith("      torch 4, winograd_4x4 2")
    assert any("torch in 5 layers without it" in line for line in lines)


def test_a_disturbed_layer_is_told_of_its_network():
    lines = [line.plain for line in network_lines(Matrix.of(disturbed_run()), 120)]

    assert any(line.strip().startswith("torch") and "1 disturbed" in line for line in lines)


def test_a_run_without_repeated_layers_has_no_network():
    once = [
        dataclasses.replace(r, scenario=dataclasses.replace(r.scenario, occurrences=1))
        for r in small_run().results
    ]

    assert not list(network_lines(Matrix.of(dataclasses.replace(small_run(), results=once)), 80))


@pytest.mark.parametrize(("verbose", "expected"), [(False, 0), (True, 16)])
def test_unsupported_cells_have_lines_of_their_own_where_asked_for(verbose, expected):
    text = printed(small_run(), verbose=verbose, is_terminal=True)

    assert text.count(": unsupported: ") == expected
    assert text.count(" of 8 unsupported: ") == (0 if verbose else 2)


def test_failures_of_one_row_that_differ_in_figures_alone_are_one_line():
    results = tuple(
        dataclasses.replace(
            r, status=Status.ERROR, reason=f"ValueError: {n} is odd (mine.py:7)", blocks=()
        )
        if r.implementation == "unfold"
        else r
        for n, r in enumerate(small_run().results)
    )
    text = printed(dataclasses.replace(small_run(), results=results))

    assert text.count("is odd") == 1
    assert "error  unfold in 8 scenarios, first pointwise_64: ValueError: 2 to 51 is odd" in text
