"""The page over machines: correctness first, then winners, ratios, price and energy."""

from __future__ import annotations

import dataclasses
import math

import pytest

from reports import machines
from reports.machines.comparison import STRONGEST, MachineRun, Machines, Tile, geometric_mean
from suite.results.cell import CellResult, Status
from suite.results.folder import Run
from suite.stats.intervals import Interval
from tests.reports.synthetic import small_run


def changed(run: Run, change) -> Run:
    return dataclasses.replace(run, results=tuple(map(change, run.results)))


def slower(cell: CellResult, factor: float, all_others: float) -> CellResult:
    """Return a cell whose every sample took so much longer, the reference's in the same blocks too.

    Args:
        all_others: by how much the reference is slower.
    """
    blocks = tuple(
        dataclasses.replace(
            block,
            samples_s=tuple(sample * factor for sample in block.samples_s),
            reference_s=block.reference_s and block.reference_s * all_others,
        )
        for block in cell.blocks
    )
    return dataclasses.replace(cell, blocks=blocks)


@pytest.fixture(scope="module")
def two() -> list[MachineRun]:
    """The same run on a machine that is half as fast, where unfold is much better than elsewhere
    and fft is wrong."""
    first = small_run()

    def change(cell: CellResult) -> CellResult:
        if cell.implementation == "fft" and cell.status is Status.PASSED:
            return dataclasses.replace(
                cell, status=Status.INCORRECT, reason="element 3 is <wrong>", blocks=()
            )
        return slower(cell, 0.01 if cell.implementation == "unfold" else 2.0, 2.0)

    return [
        MachineRun("node1", first, price_per_hour=3.6, watts=100.0),
        MachineRun("node2", changed(first, change), price_per_hour=7.2),
    ]


def test_cells_that_are_wrong_on_one_machine_alone_are_named_with_the_reason(two):
    unlike = Machines.of(two).unlike

    assert unlike
    assert all(cell.key.endswith("× fft") for cell in unlike)
    assert unlike[0].statuses == ["passed", "incorrect"]
    assert unlike[0].reason == "element 3 is <wrong>"


def test_what_is_wrong_everywhere_is_no_difference_between_machines(two):
    assert Machines.of([two[0], two[0]]).unlike == []


def test_a_ratio_is_the_time_over_that_on_the_first_machine(two):
    heat = dict(Machines.of(two).heat)

    assert heat["torch"][0].ratio == Interval(1.0, 1.0, 1.0)
    assert heat["torch"][1].ratio.value == pytest.approx(2.0)
    low, high = heat["torch"][1].ratio.low, heat["torch"][1].ratio.high
    assert low < 2.0 < high
    assert heat["fft"][1].ratio is None


def test_where_another_row_wins_on_another_machine_it_is_told(two):
    compared = Machines.of(two)
    (line, *_) = compared.changes

    assert [best.name for best in line.bests][1] == "unfold"
    assert line.bests[0].name != "unfold"
    assert Machines.of([two[0], two[0]]).changes == []


def test_a_price_is_the_hours_and_energy_the_watts_for_as_long_as_calls_take(two):
    best = Machines.of(two).lines[0].bests
    time_s = best[0].time_s.value

    assert best[0].price == pytest.approx(1e6 * time_s * 3.6 / 3600)
    assert best[0].joules == pytest.approx(100.0 * time_s)
    assert best[1].joules is None


def test_a_mean_of_ratios_is_better_known_than_each_of_them():
    ratios = [Interval(2.0, 2.0 / 1.1, 2.2)] * 4
    mean = geometric_mean(ratios)

    assert mean.value == pytest.approx(2.0)
    assert mean.half_width == pytest.approx(math.log(1.1) / 2)
    assert geometric_mean([*ratios, Interval(2.0, None, None)]).low is None


@pytest.mark.parametrize("log", [-STRONGEST, -0.5, 0.0, 0.5, STRONGEST, 9.0])
def test_every_ratio_has_a_colour_that_its_text_is_read_on(log):
    ratio = math.exp(log)
    background, text = Tile(Interval(ratio, None, None), 1).colours

    assert contrast(background, text) >= 4.5


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours (WCAG 2.2)."""
    light, dark = sorted(map(luminance, (first, second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_page_escapes_what_others_wrote_and_says_correctness_first(two):
    page = machines.render(two, "EUR")

    assert "&lt;wrong&gt;" in page
    assert "<wrong>" not in page
    assert page.index("Right everywhere?") < page.index("Where winners change")
    assert page.index("Where winners change") < page.index("Rows by machines")
    assert "EUR a million calls" in page
    assert "J a call" in page


def test_a_page_over_one_machine_says_so_without_failing(two, tmp_path):
    path = machines.write(two[:1], tmp_path)

    assert "No cell is right on one machine and wrong on another." in path.read_text("utf-8")
