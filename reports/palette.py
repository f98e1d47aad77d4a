"""Colours and marks, shared by the pictures and the page; safe for colour-blind readers.

Shape or text always repeats what a colour says.
"""

from __future__ import annotations

SERIES = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
    "#5b5b5b",
    "#8a6d00",
)
"""For implementations, after Okabe and Ito, "Color Universal Design" (2008); the yellow is
darkened, as it has too little contrast on white."""

SERIES_ON_DARK = (
    "#4aa3df",
    "#ff8a3d",
    "#2fc797",
    "#e59cc4",
    "#9bd3f5",
    "#f5bd3d",
    "#a8b0b8",
    "#cfae3c",
)
"""The same hues, bright enough for a dark page."""

MARKS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", ">", "h")
"""matplotlib's names; 11 marks and 8 colours make 88 different pairs."""

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
}
"""What stands in a cell that has no number."""


def series_colour(index: int) -> str:
    return SERIES[index % len(SERIES)]


def series_mark(index: int) -> str:
    return MARKS[index % len(MARKS)]
