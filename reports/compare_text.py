"""A comparison of two runs as Markdown and as plain lines for a terminal."""

from __future__ import annotations

from reports import units
from reports.compare import CellChange, Comparison, name_of
from reports.markdown import escaped, joined, table
from suite.counted import counted

MOST_LINES = 20


def not_comparable(comparison: Comparison) -> list[str]:
    """Return what stands against comparing the two runs, or some of their cells."""
    if comparison.machines_differ:
        return [f"times are not comparable: {comparison.machines_differ}"]
    others = comparison.other_work
    told = [f"not comparable: {_label(change)}: {change.note}" for change in others[:MOST_LINES]]
    return told + _more(others)


def summary(comparison: Comparison) -> str:
    """Return the outcome in one sentence."""
    if comparison.machines_differ:
        return f"Times are not comparable: {comparison.machines_differ}"
    assumed = comparison.comparability.assumed
    return (
        f"{counted(comparison.compared, 'cell')} compared: {len(comparison.slower)} slower and "
        f"{len(comparison.faster)} faster beyond what separate runs drift, "
        f"{len(comparison.noted)} with another change{assumed and f' ({assumed})'}"
    )


def lines(comparison: Comparison) -> list[str]:
    """Return what a terminal shows: what is not comparable, both runs, the outcome, the rest."""
    shown = not_comparable(comparison)
    shown += [f"base  {name_of(comparison.base)}", f"head  {name_of(comparison.head)}", ""]
    shown.append(summary(comparison))
    shown += [f"note    {comparison.drift_note}"] if comparison.drift_note else []
    for title, changes in (("slower", comparison.slower), ("faster", comparison.faster)):
        shown += [f"{title}  {_line(change)}" for change in changes[:MOST_LINES]]
        shown += _more(changes)
    shown += [
        f"note    {_label(change)}: {change.note}" for change in comparison.noted[:MOST_LINES]
    ]
    shown += _more(comparison.noted)
    if not comparison.machines_differ:
        shown.append(
            "Separate runs drift, which every interval allows for; `gate` alternates both sides "
            "and decides."
        )
    return shown


def markdown(comparison: Comparison) -> str:
    """Return the comparison as a comment under 60 kB, the most important first."""
    top = (
        f"## ConvGauge: two runs\n\n**{escaped(summary(comparison))}.**\n\n"
        f"- base: {escaped(name_of(comparison.base))}\n"
        f"- head: {escaped(name_of(comparison.head))}"
    )
    sections = [top, escaped(comparison.drift_note)]
    for title, changes in (("Slower", comparison.slower), ("Faster", comparison.faster)):
        sections.append(_section(title, changes))
    noted = [[escaped(_label(change)), escaped(change.note)] for change in comparison.noted]
    if noted:
        sections.append(f"### Other changes\n\n{table(('cell', 'what'), noted)}")
    rest = [change for change in comparison.cells if change.ratio and not change.is_clear]
    sections.append(_section("No clear change", rest))
    return joined(sections)


def _section(title: str, changes: list[CellChange]) -> str:
    rows = [
        [
            escaped(_label(change)),
            units.seconds(change.base.time_s if change.base else None),
            units.seconds(change.head.time_s if change.head else None),
            units.times(change.ratio.value if change.ratio else None),
            _interval(change),
        ]
        for change in changes
    ]
    headers = ("cell", "base", "head", "head / base", "95 % interval")
    return f"### {title}\n\n{table(headers, rows)}" if rows else ""


def _label(change: CellChange) -> str:
    return f"{change.scenario} × {change.implementation}"


def _line(change: CellChange) -> str:
    base, head = change.base, change.head
    ratio = units.times(change.ratio.value if change.ratio else None)
    return (
        f"{_label(change)}: {units.seconds(base.time_s if base else None)} → "
        f"{units.seconds(head.time_s if head else None)}, {ratio} the time ({_interval(change)})"
    )


def _interval(change: CellChange) -> str:
    ratio = change.ratio
    if ratio is None or ratio.low is None or ratio.high is None:
        return "no interval"
    return f"{units.digits(ratio.low)} to {units.times(ratio.high)}"


def _more(changes: list[CellChange]) -> list[str]:
    left_out = len(changes) - MOST_LINES
    return [f"        … and {left_out} more"] if left_out > 0 else []
