"""gate.html: the verdict first, then what fails, then every cell with its interval as a bar."""

from __future__ import annotations

import math

from reports import units
from reports.gate import text
from reports.page import assets, words
from reports.page.templates import TEMPLATES, page_environment
from suite.gate.outcome import GateCell, GateOutcome

WIDTH = 160
"""Of a bar's drawing, in pixels."""
LEAST_REACH = 0.1
"""The bars' scale reaches this far to both sides of 1 on the logarithmic scale, or further."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def render(outcome: GateOutcome) -> str:
    """Return the whole page; it runs no script and fetches nothing."""
    environment = page_environment()
    reach = _reach(outcome)
    order = {"wrong": 0, "broken": 0, "regressed": 1, "worse": 2, "cannot tell": 3, "faster": 4}
    cells = sorted(outcome.cells, key=lambda cell: order.get(cell.verdict, 5))
    return environment.get_template("gate.html").render(
        outcome=outcome,
        cells=cells,
        bars={cell.key: _bar(cell, reach) for cell in cells},
        lowest=math.exp(-reach),
        highest=math.exp(reach),
        text=text,
        words=words,
        units=units,
        width=WIDTH,
        policy=POLICY,
        style=assets.own_style(TEMPLATES / "report.css"),
    )


def _reach(outcome: GateOutcome) -> float:
    """Return how far the scale goes: three quarters of the cells fit, the rest are cut."""
    ends = sorted(
        max(abs(math.log(end)) for end in (cell.time.ratio_low, cell.time.ratio_high) if end)
        for cell in outcome.cells
        if cell.time and cell.time.ratio_low and cell.time.ratio_high
    )
    return max(LEAST_REACH, ends[int(0.75 * (len(ends) - 1))] * 1.2) if ends else LEAST_REACH


def _bar(cell: GateCell, reach: float) -> dict[str, float] | None:
    """Return the places of a cell's interval, ratio and margin in pixels from the left."""
    time = cell.time
    if time is None or None in (time.ratio, time.ratio_low, time.ratio_high, time.margin):
        return None

    def pixels(value: float | None) -> float:
        share = (math.log(value or 1.0) + reach) / (2 * reach)
        return round(WIDTH * min(max(share, 0.0), 1.0), 1)

    return {
        "low": pixels(time.ratio_low),
        "high": pixels(time.ratio_high),
        "ratio": pixels(time.ratio),
        "margin": pixels(1 + (time.margin or 0.0)),
        "one": pixels(1.0),
    }
