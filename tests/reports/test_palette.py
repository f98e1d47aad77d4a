"""The looks of rows: unlike each other for every kind of colour vision, and the same everywhere."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from reports.matrix import Matrix
from reports.page.data import page_data
from reports.palette import MOST_LOOKS, ROWS, ROWS_ON_DARK, look
from reports.plots import error_speed, memory, roofline, scaling, times
from reports.plots.style import styled
from suite.results.folder import Run
from tests.reports.synthetic import large_run, small_run

VISION = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "without long cones": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "without medium cones": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "without short cones": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""What is left of linear red, green and blue, after Machado, Oliveira and Fernandes, "A
Physiologically-based Model for Simulation of Color Vision Deficiency" (2009)."""
CLEARLY_APART = 12.0
"""CIE76 units; about 2 is just visible side by side."""

Colour = tuple[float, float, float]


def lab(hexadecimal: str, vision: tuple[Colour, ...]) -> Colour:
    """Return lightness and the two opponent colours of CIELAB, as somebody of that vision sees."""
    parts = [int(hexadecimal[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    seen = [sum(a * b for a, b in zip(row, linear, strict=True)) for row in vision]
    r, g, b = (min(1.0, max(0.0, value)) for value in seen)
    white = (0.95047, 1.0, 1.08883)
    xyz = (
        0.4124 * r + 0.3576 * g + 0.1805 * b,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        0.0193 * r + 0.1192 * g + 0.9505 * b,
    )
    x, y, z = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
        for t in (value / full for value, full in zip(xyz, white, strict=True))
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("colours", [ROWS, ROWS_ON_DARK], ids=["light", "dark"])
def test_any_two_colours_of_rows_are_apart_for_every_vision(colours, vision: str) -> None:
    seen = [lab(colour, VISION[vision]) for colour in colours]
    assert min(math.dist(a, b) for a, b in itertools.combinations(seen, 2)) > CLEARLY_APART


def test_every_row_has_its_own_colour_and_mark_and_the_first_a_colour_for_itself() -> None:
    assert MOST_LOOKS >= 30
    looks = [look(index) for index in range(MOST_LOOKS)]
    assert len({(each.colour, each.mark) for each in looks}) == MOST_LOOKS
    assert [each.colour for each in looks].count(looks[0].colour) == 1
    assert look(MOST_LOOKS) in looks


def drawn_looks(figure: Any) -> set[tuple[str, str]]:
    """Return the (colour, name) of every entry that a legend or a label ties to a row."""
    from matplotlib.colors import to_hex

    found = set()
    for axes in figure.axes:
        legend = axes.get_legend() or (figure.legends or [None])[0]
        if legend is None:
            continue
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            is_line = hasattr(handle, "get_color")  # or that of an interval
            colours = handle.get_color() if is_line else handle.get_facecolor()
            colour = colours if isinstance(colours, str) else tuple(colours[0])
            found.add((to_hex(colour), text.get_text()))
    return found


@pytest.mark.parametrize("run", [small_run(), large_run(64, blocks=3)], ids=["net", "sweep"])
def test_a_row_looks_the_same_in_every_picture_and_in_the_page(run: Run) -> None:
    matrix = Matrix.of(run)
    of_page = {entry["name"]: entry["look"] for entry in page_data(run, matrix)["implementations"]}
    for name in matrix.implementations:
        assert of_page[name]["light"] == matrix.look(name).colour
        assert of_page[name]["symbol"] == matrix.look(name).mark.plotly
    with styled():
        for module in (memory, roofline, scaling, times, error_speed):
            figure = module.draw(matrix, run.manifest)
            if figure is None:
                continue
            rows = {name: colour for colour, name in drawn_looks(figure) if name in of_page}
            for name, colour in rows.items():
                assert colour == matrix.look(name).colour, (module.__name__, name)
