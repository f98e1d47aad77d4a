"""results.md: a run as a comment on a pull request, the most important first, under 60 kB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from reports import glossary, units
from reports.headline import Headline, headline
from reports.matrix import Matrix, MatrixCell
from reports.networks import Total, networks
from suite.printable import printable
from suite.results.cell import Status
from suite.results.folder import Run
from suite.results.inside import write_whole
from suite.results.revisions import revisions

FILE = "results.md"
AT, DOLLAR = "@", "$"
"""A mention, and GitHub's beginning of a formula. Their entities hold a "#" that is not escaped."""
ENTITIES = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    (">", "&gt;"),
    ("|", "&vert;"),
    ("://", ":&sol;&sol;"),
    ("www.", "www&period;"),
)
MOST_BYTES = 60_000
"""GitHub cuts a comment at 65,536 characters; the rest is room for what is put around this."""


def write(run: Run, out: Path) -> Path:
    """Write results.md into the folder `out`."""
    write_whole(out / FILE, render(run))
    return out / FILE


def render(run: Run) -> str:
    """Return the whole comment; sections that no longer fit give way to one line."""
    matrix = Matrix.of(run)
    top = headline(matrix, run.manifest)
    sections = [
        _top(run, top),
        _doubts(top),
        _table(
            "Fastest, by kind of layer",
            ("layer", "fastest", "wins", "speed-up there"),
            [
                (
                    won.group,
                    won.names,
                    f"{won.wins} of {won.scenarios}",
                    won.speedup_text,
                )
                for won in top.by_layer
            ],
        ),
        fitted(_failures(matrix), MOST_BYTES // 3),
        _networks(matrix),
        _heat_map(matrix),
        _times(matrix),
    ]
    return joined([*sections, words(sections)])


def words(sections: Iterable[str]) -> str:
    """Return a line for every word in these sections that newcomers do not know."""
    return "\n".join(f"- {escaped(line)}" for line in glossary.lines(*sections))


def joined(sections: Iterable[str]) -> str:
    """Return the sections within `MOST_BYTES`; a table that does not fit loses its last rows."""
    text = ""
    for section in filter(None, sections):
        room = MOST_BYTES - len(text.encode()) - 200
        text += fitted(section, room) + "\n\n"
    return text.rstrip("\n") + "\n"


def fitted(section: str, room: int) -> str:
    """Return as many whole lines of a section as fit into `room` bytes, and how many do not."""
    if len(section.encode()) <= room:
        return section
    lines = section.split("\n")
    kept: list[str] = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    left_out = len(lines) - len(kept)
    return "\n".join([*kept, "", f"… and {left_out:,} more lines; results.csv has them all."])


def escaped(text: str) -> str:
    """Return a text as one line that is no markup in Markdown, HTML or a table, and no link."""
    flat = printable(" ".join(text.split()))
    for marks, written in ENTITIES:
        flat = flat.replace(marks, written)
    for character in "\\`*_[]~#":
        flat = flat.replace(character, f"\\{character}")
    return flat.replace(AT, "&#64;").replace(DOLLAR, "&#36;")


def table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table of texts that are already safe; the first column stands left."""
    headers = list(headers)
    lines = [f"| {' | '.join(headers)} |", f"| --- |{' ---: |' * (len(headers) - 1)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def _table(title: str, headers: Iterable[str], rows: Sequence[Sequence[str]]) -> str:
    safe = [[escaped(cell) for cell in row] for row in rows]
    return f"### {title}\n\n{table(headers, safe)}" if rows else ""


def _top(run: Run, top: Headline) -> str:
    manifest = run.manifest
    machine = manifest.get("machine") or {}
    verdict = manifest.get("verdict") or {}
    state = ""
    if verdict:
        state = f"**{escaped(verdict.get('state', ''))}** {escaped(verdict.get('text', ''))}\n\n"
    for apart in manifest.get("apart") or []:
        state += f"**Not comparable:** {escaped(apart)}\n\n"
    facts = [
        machine.get("gpu") or machine.get("cpu"),
        machine.get("torch") and f"torch {machine['torch']}",
        machine.get("noise_grade") and f"noise grade {machine['noise_grade']}",
        (manifest.get("started_at") or "")[:10],
        *(revision.words for revision in revisions(manifest)),
    ]
    return (
        f"## ConvGauge: {escaped(manifest.get('name') or 'run')}\n\n"
        f"{state}"
        f"**{escaped(top.overall.sentence)}.** "
        f"{top.passed} passed, {top.failed} failed, {top.unsupported} unsupported.\n\n"
        f"{escaped(' · '.join(str(fact) for fact in facts if fact))}"
    )


def _doubts(top: Headline) -> str:
    lines = "\n".join(f"- {escaped(doubt)}" for doubt in top.doubts)
    return f"### Look at this first\n\n{lines}" if lines else ""


def _failures(matrix: Matrix) -> str:
    failed = [
        cell.result
        for cell in matrix.cells.values()
        if cell.result.status not in (Status.PASSED, Status.UNSUPPORTED)
    ]
    return _table(
        "Failed",
        ("scenario", "implementation", "status", "reason"),
        [(r.scenario.id, r.implementation, r.status.value, r.reason) for r in failed],
    )


def _networks(matrix: Matrix) -> str:
    rows = [
        (network.name, total.name, _total(total), units.seconds(total.filled_s))
        for network in networks(matrix)
        for total in network.totals
        if total.filled_s is not None
    ]
    headers = ("network", "implementation", "time of one pass", "with the reference elsewhere")
    return _table("Whole networks", headers, rows)


def _total(total: Total) -> str:
    time = f"{units.seconds(total.time_s)}{_mark(total)}"
    if total.time_s is None or total.high_s is None:
        return time
    return f"{time} ±{units.percent(total.high_s / total.time_s - 1)}"


def _mark(total: Total) -> str:
    return f" ({total.disturbed_layers} layers disturbed)" if total.disturbed_layers else ""


def _heat_map(matrix: Matrix) -> str:
    rows = []
    for scenario in matrix.scenarios:
        winner = matrix.winner(scenario)
        cells = [matrix.cells.get((scenario.id, name)) for name in matrix.implementations]
        shown = [_speedup(cell, is_winner=cell is winner) for cell in cells]
        rows.append([escaped(scenario.id), *shown])
    headers = ["scenario", *map(escaped, matrix.implementations)]
    return f"### Speed-up (bold: fastest beyond its interval)\n\n{table(headers, rows)}"


def _speedup(cell: MatrixCell | None, *, is_winner: bool) -> str:
    if cell is None:
        return ""
    if cell.summary is None:
        return escaped(cell.result.status.value.replace("_", " "))
    text = cell.speedup_words
    return f"**{text}**" if is_winner else text


def _times(matrix: Matrix) -> str:
    rows = [
        (
            cell.result.scenario.id,
            cell.result.implementation,
            cell.time_words,
            units.error(cell.rel_l2_error),
            units.bytes_(cell.result.peak_bytes),
        )
        for cell in matrix.passed
        if cell.summary
    ]
    headers = ("scenario", "implementation", "time", "relative L2 error", "peak memory")
    return _table("Times (95 % interval)", headers, rows)
