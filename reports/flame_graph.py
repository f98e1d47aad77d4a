"""profiles/*/flame.svg: where a call's time goes by phases, functions and operators, as a picture.

Drawn downwards from the call ("icicle"), widths in proportion to time, after B. Gregg, "The flame
graph" (CACM 59(6), 2016). Plain SVG without scripts: every box carries its name and its time as a
title, which browsers show on hovering.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax import saxutils

from reports import units
from suite.printable import printable
from suite.results.folder import Run
from suite.results.inside import folder_inside, write_whole
from suite.results.profile import FOLDER, CellProfile, StackNode

FILE = "flame.svg"
WIDTH, ROW, MARGIN, HEAD = 1200, 20, 10, 46
TICK_S = 1e-12
LETTER = 6.6
"""Width of a letter at the size of the boxes' text."""
KINDS = (("phase: ", "#f5bd3d"), ("aten::", "#9bd3f5"))
PYTHON = "#bfe5cf"


def write(run: Run, out: Path) -> Path:
    """Write a flame graph for every cell whose stacks are known; returns their folder."""
    for profile in run.profiles.values():
        if _has_time(profile) and profile.files:
            *folders, _ = Path(next(iter(profile.files.values()))).parts
            write_whole(folder_inside(out, *folders) / FILE, render(profile))
    return folder_inside(out, FOLDER)


def render(profile: CellProfile) -> str:
    """Return the picture of one cell, as SVG.

    Raises:
        ValueError: the cell's stacks are not known.
    """
    if profile.operators is None or not _has_time(profile):
        raise ValueError(f"{profile.key}: no stacks")
    nodes = profile.operators.stacks
    depths = _depths(nodes)
    starts, lengths = _laid_out(nodes)
    whole_s = sum(
        length for length, node in zip(lengths, nodes, strict=True) if node.parent is None
    )
    scale = (WIDTH - 2 * MARGIN) / whole_s
    height = HEAD + ROW * (max(depths) + 1) + MARGIN
    title = f"{profile.key}: {units.seconds(whole_s)} a call under the profiler"
    boxes = [
        _box(node.name, start, length, depth, scale, whole_s)
        for node, start, length, depth in zip(nodes, starts, lengths, depths, strict=True)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" '
            'font-family="DejaVu Sans Mono, monospace" font-size="11">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            f'<text x="{MARGIN}" y="18" font-size="14">{escape(title)}</text>',
            f'<text x="{MARGIN}" y="36" fill="#59636e">phases yellow, Python green, operators '
            "blue; each box as wide as its time</text>",
            *boxes,
            "</svg>\n",
        ]
    )


def _has_time(profile: CellProfile) -> bool:
    """Return whether a cell's stacks are known, and took longer than the clock can tell."""
    stacks = profile.operators.stacks if profile.operators else ()
    return any(node.total_s >= TICK_S for node in stacks if node.parent is None)


def escape(text: str) -> str:
    """Return a text as SVG shows it; XML cannot hold every character."""
    return saxutils.escape(printable(text))


def _depths(nodes: tuple[StackNode, ...]) -> list[int]:
    depths: list[int] = []
    for node in nodes:
        depths.append(0 if node.parent is None else depths[node.parent] + 1)
    return depths


def _laid_out(nodes: tuple[StackNode, ...]) -> tuple[list[float], list[float]]:
    """Return where each box begins and how long it is, in seconds; children side by side."""
    lengths = [node.total_s for node in nodes]
    inner_s = [0.0] * len(nodes)
    for index in reversed(range(len(nodes))):
        lengths[index] = max(lengths[index], inner_s[index])
        parent = nodes[index].parent
        if parent is not None:
            inner_s[parent] += lengths[index]
    starts: list[float] = []
    free_s = [0.0] * len(nodes)
    top_s = 0.0
    for index, node in enumerate(nodes):
        start = top_s if node.parent is None else free_s[node.parent]
        starts.append(start)
        free_s[index] = start
        if node.parent is None:
            top_s += lengths[index]
        else:
            free_s[node.parent] += lengths[index]
    return starts, lengths


def _box(
    name: str, start_s: float, length_s: float, depth: int, scale: float, whole_s: float
) -> str:
    x, y, width = MARGIN + start_s * scale, HEAD + depth * ROW, length_s * scale
    colour = next((colour for kind, colour in KINDS if name.startswith(kind)), PYTHON)
    letters = int((width - 6) / LETTER)
    shown = name if len(name) <= letters else f"{name[: letters - 1]}…" if letters > 3 else ""
    label = f"{name}: {units.seconds(length_s)}, {units.percent(length_s / whole_s)}"
    return (
        f"<g><title>{escape(label)}</title>"
        f'<rect x="{x:.2f}" y="{y}" width="{max(width - 0.5, 0.3):.2f}" height="{ROW - 1}" '
        f'rx="1" fill="{colour}"/>'
        f'<text x="{x + 3:.2f}" y="{y + 14}">{escape(shown)}</text></g>'
    )
