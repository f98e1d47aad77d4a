"""A gate's outcome as lines for a terminal and as a comment on a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from reports import contention_text, glossary, units
from reports.markdown import escaped, joined, table
from reports.markdown import words as markdown_words
from suite.gate.outcome import GateCell, GateOutcome
from suite.printable import printable

MOST_LINES = 40
MOST_REASONS = 3
MOST_DIFFERENCES = 6


def lines(outcome: GateOutcome) -> list[str]:
    """Return the verdict, one line a failing cell, what was not or could not be decided, and words.

    Words are those of the glossary that stand in the lines, with their meaning.
    """
    shown = [f"{outcome.state.upper()}: {outcome.sentence}"]
    if outcome.timing_advisory:
        shown.insert(0, f"times are not comparable: {outcome.timing_advisory}")
    shown += _listed([f"  {cell.verdict}: {line(cell)}" for cell in outcome.failing])
    shown += _listed([f"  cannot tell: {line(cell)}" for cell in outcome.undecided])
    if any(cell.time and cell.time.disturbed for cell in outcome.undecided):
        shown.append(f"  {contention_text.remedy()}")
    shown += _listed([f"  faster: {times(cell)}" for cell in outcome.improved])
    shown += _listed([f"  accepted: {cell.key}: {text}" for cell, text in accepted(outcome)])
    shown += _listed([f"  not compared: {line(cell)}" for cell in outcome.not_compared])
    shown += _listed([f"  {note}" for note in named(outcome)])
    return shown + glossary.lines(*shown)


def _listed(texts: list[str]) -> list[str]:
    left_out = len(texts) - MOST_LINES
    return texts[:MOST_LINES] + ([f"  … and {left_out} more"] if left_out > 0 else [])


def line(cell: GateCell) -> str:
    """Return all there is to know about a cell that fails or cannot be told."""
    parts = [finding.text for finding in cell.findings]
    if cell.time is not None and cell.time.ratio is not None:
        parts.append(numbers(cell))
    if cell.time is not None and cell.cannot_tell:
        parts.append(cell.time.why)
    if not cell.is_judged:
        parts.append(f"base {cell.base.status.value}: {cell.base.reason}")
    text = f"{cell.key}: {'; '.join(filter(None, parts))}"
    return f"{text}; reproduce: {cell.reproduce}" if cell.reproduce and cell.fails else text


def times(cell: GateCell) -> str:
    return f"{cell.key}: {numbers(cell)}"


def numbers(cell: GateCell) -> str:
    """Return base → head time, ratio with interval, margin, p, blocks and what could be seen."""
    time = cell.time
    if time is None or time.ratio is None:
        return ""
    parts = [
        f"{units.seconds(time.base_s)} → {units.seconds(time.head_s)}",
        f"{ratio(cell)} {interval(cell)}",
        f"margin {units.percent(time.margin)}",
    ]
    if time.adjusted_p is not None:
        parts.append(f"adjusted p {time.adjusted_p:.2g}")
    parts += [f"{time.blocks} blocks", f"smallest visible +{units.percent(time.smallest_visible)}"]
    return ", ".join(parts)


def ratio(cell: GateCell) -> str:
    return f"{cell.time.ratio:.3f}×" if cell.time and cell.time.ratio is not None else units.ABSENT


def interval(cell: GateCell) -> str:
    time = cell.time
    if time is None or time.ratio_low is None or time.ratio_high is None:
        return ""
    return f"[{time.ratio_low:.3f}, {time.ratio_high:.3f}]"


def accepted(outcome: GateOutcome) -> list[tuple[GateCell, str]]:
    """Return the findings that were accepted, with their cells."""
    return [(cell, finding.text) for cell in outcome.cells for finding in cell.accepted]


def named(outcome: GateOutcome) -> list[str]:
    """Return a sentence for everything that is on one side only, and every note."""
    renamed = dict(outcome.renamed)
    notes = [f"renamed: {old} → {new}" for old, new in renamed.items()]
    notes += [
        f"missing: {name} is only in the base" for name in outcome.missing if name not in renamed
    ]
    notes += [
        f"new: {name} is only in head, nothing to compare it with"
        for name in outcome.new
        if name not in renamed.values()
    ]
    return [*differing(outcome.differences), *notes, *outcome.notes]


def differing(differences: Sequence[str]) -> list[str]:
    """Return what the environments of both sides do not share, in one sentence; or nothing.

    gate.json has all of it.
    """
    if not differences:
        return []
    shown, left_out = differences[:MOST_DIFFERENCES], differences[MOST_DIFFERENCES:]
    more = f", and {len(left_out)} more (gate.json)" if left_out else ""
    return [f"the environments differ in {', '.join(shown)}{more}"]


def null_arm(outcome: GateOutcome) -> str:
    """Return what the null arm showed, in one sentence; empty without one."""
    shifts = outcome.null_shifts
    if not shifts:
        return ""
    worst = max(shifts, key=lambda cell: abs(shifts[cell]))
    return (
        f"The null arm, the base against itself, moved by up to {abs(shifts[worst]):.1%} "
        f"({worst}, {len(shifts)} cells looked at); this is in every interval."
    )


def reasons(outcome: GateOutcome) -> list[str]:
    """Return what the verdict rests on, a cell each, the worst first: what a page begins with."""
    cells = outcome.failing or outcome.undecided
    shown = [f"{cell.key}: {reason(cell)}" for cell in cells[:MOST_REASONS]]
    left_out = len(cells) - MOST_REASONS
    return shown + ([f"… and {left_out} more, below"] if left_out > 0 else [])


def reason(cell: GateCell) -> str:
    """Return why a cell fails or cannot be told, the numbers apart."""
    texts = [finding.text for finding in cell.findings]
    if cell.is_slower and cell.time:
        texts.append(f"{ratio(cell)} the time {interval(cell)}".rstrip())
    if cell.cannot_tell and cell.time:
        texts.append(cell.time.why)
    return "; ".join(texts) or cell.verdict


def words(cells: Sequence[GateCell]) -> list[tuple[str, str]]:
    """Return (word, meaning) of what newcomers do not know in a table of these cells."""
    said = [remark for cell in cells for remark in remarks(cell)]
    return glossary.explained("blocks", "smallest visible", *said)


def markdown(outcome: GateOutcome) -> str:
    """Return the outcome as a comment under 60 kB, the verdict first."""
    advisory = outcome.timing_advisory
    top = (
        f"## ConvGauge gate: {escaped(outcome.state)}\n\n"
        + (f"**Times are not comparable:** {escaped(advisory)}\n\n" if advisory else "")
        + f"**{escaped(outcome.sentence)}.**\n\n"
        f"- base: {escaped(outcome.base)}\n- head: {escaped(outcome.head)}"
        + "".join(f"\n- {escaped(note)}" for note in named(outcome))
    )
    sections = [top, _section("Fails", outcome.failing, reproduce=True)]
    sections.append(_section("Cannot tell", outcome.undecided))
    sections.append(_section("Faster", outcome.improved))
    taken = [[escaped(cell.key), escaped(text)] for cell, text in accepted(outcome)]
    if taken:
        sections.append(f"### Accepted\n\n{table(('cell', 'what'), taken)}")
    shown = {c.key for c in (*outcome.failing, *outcome.undecided, *outcome.improved)}
    rest = [cell for cell in outcome.cells if cell.key not in shown]
    sections.append(_section("All other cells", rest))
    sections.append(escaped(null_arm(outcome)))
    return joined([*sections, markdown_words(sections)])


def _section(title: str, cells: Sequence[GateCell], *, reproduce: bool = False) -> str:
    rows = [
        [
            escaped(cell.key),
            units.seconds(cell.time.base_s if cell.time else None),
            units.seconds(cell.time.head_s if cell.time else None),
            f"{ratio(cell)} {escaped(interval(cell))}",
            units.percent(cell.time.smallest_visible if cell.time else None),
            escaped("; ".join(remarks(cell))),
        ]
        for cell in cells
    ]
    headers = ("cell", "base", "head", "ratio", "smallest visible", "remark")
    if not rows:
        return ""
    commands = [
        f"    {printable(cell.reproduce)}" for cell in cells if reproduce and cell.reproduce
    ]
    again = "\n\nReproduce:\n\n" + "\n".join(commands) if commands else ""
    return f"### {title}\n\n{table(headers, rows)}{again}"


def remarks(cell: GateCell) -> list[str]:
    """Return what a table says beside a cell's numbers."""
    texts = [f"{finding.check}: {finding.text}" for finding in cell.findings]
    if cell.is_slower and cell.time:
        texts.append(
            f"slower, adjusted p {cell.time.adjusted_p:.2g}, {cell.time.blocks} blocks"
            if cell.time.adjusted_p is not None
            else "slower"
        )
    if cell.cannot_tell and cell.time:
        texts.append(cell.time.why)
    if not cell.is_judged:
        texts.append(f"base {cell.base.status.value}: {cell.base.reason}")
    return texts
