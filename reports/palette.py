"""Colours and marks, shared by the pictures and the page; safe for colour-blind readers.

A row (an implementation of a run) has one look, by its place in the run: a colour and a mark that
no other has. Shape or text always repeats what a colour says.
"""

from __future__ import annotations

from dataclasses import dataclass

ROWS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
    "#332288",
    "#661133",
)
"""For rows, after Okabe and Ito, "Color Universal Design" (2008), with two dark ones in place of
its yellow and black. Any two differ for every kind of colour vision, which a test computes."""

ROWS_ON_DARK = (
    "#4aa3df",
    "#ff7a2d",
    "#2fc797",
    "#e59cc4",
    "#b9e3ff",
    "#f5cd4d",
    "#9a6cff",
    "#d13a5a",
)
"""The same hues, bright enough for a dark page."""

PARTS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5b5b5b")
PARTS_ON_DARK = ("#4aa3df", "#ff8a3d", "#2fc797", "#e59cc4", "#9bd3f5", "#f5bd3d", "#a8b0b8")
"""For what is no row: phases, kinds of memory, frames of a stack. A legend stands beside them."""


@dataclass(frozen=True)
class Mark:
    """One shape, as each library names it and as the page draws it beside a name."""

    matplotlib: str
    plotly: str
    path: str
    """An SVG path in a square of 20 × 20."""


MARKS = (
    Mark("o", "circle", "M10 2a8 8 0 1 0 .01 0z"),
    Mark("s", "square", "M3 3h14v14H3z"),
    Mark("^", "triangle-up", "M10 2l9 16H1z"),
    Mark("D", "diamond", "M10 1l9 9-9 9-9-9z"),
    Mark("v", "triangle-down", "M10 18l9-16H1z"),
    Mark("P", "cross", "M7 2h6v5h5v6h-5v5H7v-5H2V7h5z"),
    Mark("X", "x", "M6 2l4 4 4-4 4 4-4 4 4 4-4 4-4-4-4 4-4-4 4-4-4-4z"),
    Mark("p", "pentagon", "M10 1l9 7-3.4 11H4.4L1 8z"),
    Mark("*", "star", "M10 0l2.4 7.2H20l-6.1 4.5 2.3 7.3-6.2-4.5L3.8 19l2.3-7.3L0 7.2h7.6z"),
    Mark("<", "triangle-left", "M2 10l16-9v18z"),
    Mark("H", "hexagon2", "M5.5 2.2h9L19 10l-4.5 7.8h-9L1 10z"),
)


@dataclass(frozen=True)
class Look:
    """How one row is drawn, everywhere."""

    colour: str
    colour_on_dark: str
    mark: Mark


MOST_LOOKS = 1 + (len(ROWS) - 1) * len(MARKS)
"""So many rows have a look of their own; the numbers of colours and of marks share no divisor."""

MOST_LABELS = 12
"""More names beside their marks would cover each other; a legend at the side then holds them."""

SLOWER = ("#7f3b08", "#b35806", "#e08214", "#fdb863", "#fee0b6")
FASTER = ("#d1e5f0", "#92c5de", "#4393c3", "#2166ac", "#053061")
NEUTRAL = "#f7f7f7"
"""Orange against blue: the halves of ColorBrewer's PuOr and RdBu that no common form of
colour blindness confuses."""

STATUS_WORDS = {
    "incorrect": "wrong",
    "implausible": "implausible",
    "unsupported": "–",
    "error": "error",
    "timeout": "timeout",
    "out_of_memory": "memory",
    "crashed": "crashed",
    "lost": "lost",
}
"""What stands in a cell that has no number."""


def look(index: int) -> Look:
    """Return the look of a run's row by its place among the run's rows.

    The first, which others are compared with, shares its colour with nobody.
    """
    colour = 0 if index == 0 else 1 + (index - 1) % (len(ROWS) - 1)
    return Look(ROWS[colour], ROWS_ON_DARK[colour], MARKS[index % len(MARKS)])
