"""What `auto` chose in which scenario, and by what: it is told in its cells' notes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.text import Text

from reports.fitted_names import without_shared_folder
from reports.text_frame import wrapped
from suite.results.cell import CellResult, Status

CHOOSING = "auto"
_NOTE = re.compile(
    r"chose (?P<row>[^,;]+), (?P<source>(?:by|as) [^;]*)"
    r"(?:; in channels_last (?P<other_row>[^,;]+), (?P<other_source>(?:by|as) [^;]*))?"
)


def choice_lines(results: Sequence[CellResult], width: int) -> list[Text]:
    """Return "auto chose by the table of …: winograd_tile6 in 3x3-mid and 3x3-deep, torch in 1x1".

    One paragraph for each thing that it chose by; nothing where nobody chose.
    """
    chosen = [(result, found) for result in results if (found := _choice(result))]
    names = without_shared_folder([result.scenario.id for result, _ in chosen])
    by_source: dict[tuple[str, str], dict[str, list[str]]] = {}
    for (result, (row, source)), name in zip(chosen, names, strict=True):
        rows = by_source.setdefault((result.implementation, source), {})
        rows.setdefault(row, []).append(name)
    lines = []
    for (chooser, source), rows in by_source.items():
        most_first = sorted(rows.items(), key=lambda item: -len(item[1]))
        told = "; ".join(f"{row} in {', '.join(scenarios)}" for row, scenarios in most_first)
        lines += wrapped(f"{chooser} chose, {source}: {told}", width, "")
    return lines


def _choice(result: CellResult) -> tuple[str, str] | None:
    """Return the row and what it was chosen by; None where nothing was chosen."""
    if result.family != CHOOSING or result.status is not Status.PASSED:
        return None
    for note in result.notes:
        if match := _NOTE.match(note):
            if match["other_row"] and result.scenario.memory_format == "channels_last":
                return match["other_row"], match["other_source"]
            return match["row"], match["source"]
    return None
