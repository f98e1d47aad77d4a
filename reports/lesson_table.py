"""A lesson's table as text for a terminal and as Markdown for its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reports import units
from suite.lessons.lesson import Lesson
from suite.lessons.table import Row, Table, gains

Value = Callable[[Row, float | None], str]
"""Of a row and its gain over the one before."""


def _range(row: Row, _gain: float | None) -> str:
    if row.low_s is None or row.high_s is None:
        return units.ABSENT
    return f"{units.seconds(row.low_s)} to {units.seconds(row.high_s)}"


def _rate(row: Row, _gain: float | None) -> str:
    return units.ABSENT if row.flops_per_s is None else units.digits(row.flops_per_s / 1e9)


COLUMNS: dict[str, tuple[str, Value]] = {
    "time": ("time", lambda row, _: units.seconds(row.time_s) + ("!" if row.disturbed else "")),
    "range": ("95 % interval", _range),
    "rate": ("GFLOP/s", _rate),
    "peak": ("of peak", lambda row, _: units.percent(row.peak_share)),
    "roof": ("of the roof", lambda row, _: units.percent(row.roof_share)),
    "gain": ("gain", lambda _, gain: units.times(gain)),
    "workspace": ("workspace", lambda row, _: units.bytes_(row.workspace_bytes)),
    "error": ("error", lambda row, _: units.error(row.error)),
    "intensity": ("FLOP/byte", lambda row, _: units.digits(row.intensity)),
}
"""Name → head, and what stands in it."""
LEGEND = {
    "rate": "GFLOP/s: operations of the textbook sum over the time, whatever was executed",
    "peak": "of peak: that over the most operations a second that this machine was seen to do",
    "roof": "of the roof: the time that peak and memory rate allow for the textbook sum, over the "
    "time it took",
    "gain": "gain: over the row before",
    "workspace": "workspace: memory besides input, weight and output",
    "error": "error: of all elements together against float64, over their size (relative L2)",
    "intensity": "FLOP/byte: operations for each byte that has to be moved",
}


def _figures(lesson: Lesson, rows: Sequence[Row]) -> list[list[str]]:
    """Return the columns' texts of each row; of one without times, why it has none."""
    figures = []
    for row, gain in zip(rows, gains(rows), strict=True):
        if row.time_s is None:
            figures.append([row.status.value, *[units.ABSENT] * (len(lesson.columns) - 1)])
        else:
            figures.append([COLUMNS[name][1](row, gain) for name in lesson.columns])
    return figures


def heads(lesson: Lesson) -> list[str]:
    return [COLUMNS[name][0] for name in lesson.columns]


def legend(lesson: Lesson) -> list[str]:
    return [LEGEND[name] for name in lesson.columns if name in LEGEND]


def total_gain(rows: Sequence[Row]) -> float | None:
    """Return how many times faster the last row is than the first."""
    timed = [row.time_s for row in rows if row.time_s is not None]
    return timed[0] / timed[-1] if len(timed) > 1 else None


def markdown(lesson: Lesson, table: Table) -> str:
    """Return a table of Markdown, and below it where, when and by which command it came about."""
    says = any(row.says for row in table.rows)
    several = len({row.scenario for row in table.rows}) > 1 and not says
    first = ["layer"] if several else []
    lines = [
        _markdown_row([*first, "row", *(["what is new"] if says else []), *heads(lesson)]),
        _markdown_row(["---"] * (len(first) + 1 + says) + ["---:"] * len(lesson.columns)),
    ]
    before = ""
    for row, figures in zip(table.rows, _figures(lesson, table.rows), strict=True):
        layer = [row.scenario if row.scenario != before else ""] if several else []
        before = row.scenario
        words = [row.says] if says else []
        lines.append(_markdown_row([*layer, f"`{row.implementation}`", *words, *figures]))
    machine = "; ".join(table.machine.values())
    notes = [*legend(lesson)]
    if any(row.disturbed for row in table.rows):
        notes.append("!: others used the cores meanwhile, so that this time says little")
    lines += ["", *(f"{note}.  " for note in notes), ""]
    lines.append(f"*{table.date}, {machine}: `{table.command}`*")
    return "\n".join(lines)


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '∣') for cell in cells)} |"


def side_by_side(lesson: Lesson, here: Table, recorded: Table | None, width: int) -> Iterator[str]:
    """Yield the lines of what was measured here, and beside it, or below, what is recorded."""
    names = [_name(row, here.rows) for row in here.rows]
    own = _figures(lesson, here.rows)
    if recorded is None:
        yield from _aligned(["", *heads(lesson)], names, own)
        return
    theirs = _recorded_figures(lesson, here, recorded)
    both = [[*mine, *other] for mine, other in zip(own, theirs, strict=True)]
    wide = list(
        _aligned(["", *heads(lesson), *(f"then: {head}" for head in heads(lesson))], names, both)
    )
    if max(map(len, wide)) <= width:
        yield from wide
        return
    yield "here"
    yield from _aligned(["", *heads(lesson)], names, own)
    yield "recorded"
    yield from _aligned(["", *heads(lesson)], names, theirs)


def _name(row: Row, rows: Sequence[Row]) -> str:
    several = len({other.scenario for other in rows}) > 1
    return f"{row.scenario} {row.implementation}" if several else row.implementation


def _recorded_figures(lesson: Lesson, here: Table, recorded: Table) -> list[list[str]]:
    """Return the recorded texts of the rows that were measured here."""
    figures = {
        (row.scenario, row.implementation): texts
        for row, texts in zip(recorded.rows, _figures(lesson, recorded.rows), strict=True)
    }
    nothing = [units.ABSENT] * len(lesson.columns)
    return [figures.get((row.scenario, row.implementation), nothing) for row in here.rows]


def _aligned(
    heads: Sequence[str], names: Sequence[str], figures: Sequence[Sequence[str]]
) -> Iterator[str]:
    table = [list(heads), *([name, *texts] for name, texts in zip(names, figures, strict=True))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        first, *others = line
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
