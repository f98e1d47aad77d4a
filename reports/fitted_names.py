"""Names in little room: what is left of them stays distinct, and a column's head takes some lines.

Widths are columns of a terminal: some characters take two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from rich.cells import cell_len, chop_cells

ELLIPSIS = "…"
MOST_LETTERS, LEAST_LETTERS = 12, 3
"""Of a word in names that are shortened alike."""
_WORDS = re.compile(r"\([^)]*\)|[^\W\d_]+")
_PIECES = re.compile(r"[-_./+:]?[^-_./+:\s]+|\S")


def width_of(names: Iterable[str]) -> int:
    return max(map(cell_len, names), default=0)


def without_shared_folder(names: Sequence[str]) -> list[str]:
    """Return several scenarios of one file without its name."""
    folders = {name.rpartition("/")[0] for name in names}
    if len(folders) != 1 or len(set(names)) == 1:
        return list(names)
    return [name.rpartition("/")[2] for name in names]


def distinct(names: Sequence[str], width: int) -> list[str]:
    """Return the names, none wider than `width`, and different ones different.

    Words lose their ends, in all names alike if that leaves enough of them; figures stay. Where it
    is too little, the middle of a name goes; what that makes equal gets a number.
    """
    if width_of(names) <= width:
        return list(names)
    different = list(dict.fromkeys(names))
    for shorten in _ways(width):
        short = {name: shorten(name) for name in different}
        if len(set(short.values())) == len(different) and width_of(short.values()) <= width:
            break
    else:
        short = {name: _numbered(name, width, at) for at, name in enumerate(different, start=1)}
    return [short[name] for name in names]


def _ways(width: int) -> Iterator[Callable[[str], str]]:
    """Yield ways to shorten a name, the best first."""
    for letters in range(MOST_LETTERS, LEAST_LETTERS - 1, -1):
        yield partial(_with_short_words, letters=letters)
    yield partial(_as_short_as_needed, width=width)
    for tail in sorted(range(width), key=lambda tail: abs(tail - width // 2)):
        yield partial(_without_middle, width=width, tail=tail)


def _with_short_words(name: str, *, letters: int) -> str:
    """Return "win_2x2" of "winograd_2x2"; what stands in parentheses stays."""
    return _WORDS.sub(lambda word: word[0][:letters] if word[0][0] != "(" else word[0], name)


def _as_short_as_needed(name: str, *, width: int) -> str:
    """Return a name with its words no shorter than they must be."""
    if cell_len(name) <= width:
        return name
    for letters in range(MOST_LETTERS, 0, -1):
        short = _with_short_words(name, letters=letters)
        if cell_len(short) <= width:
            return short
    return _without_middle(name, width=width, tail=width // 2)


def _without_middle(name: str, *, width: int, tail: int) -> str:
    """Return a name with so many columns of its end, and as many of its beginning as fit."""
    if cell_len(name) <= width:
        return name
    end = _last(name, tail)
    return f"{_first(name, width - cell_len(end) - 1)}{ELLIPSIS}{end}"


def _numbered(name: str, width: int, number: int) -> str:
    if cell_len(name) <= width:
        return name
    mark = f"{ELLIPSIS}{number}"
    return f"{_first(name, width - len(mark))}{mark}"


def _first(text: str, width: int) -> str:
    return chop_cells(text, width)[0] if width > 0 and text else ""


def _last(text: str, width: int) -> str:
    kept = ""
    for character in reversed(text):
        if cell_len(character + kept) > width:
            break
        kept = character + kept
    return kept


def pieces(name: str) -> list[str]:
    """Return where a name may be parted: "winograd_4x4" before its "_"."""
    return _PIECES.findall(name)


def in_lines(name: str, width: int) -> list[str]:
    """Return a name in lines no wider than `width`, all of it.

    It is parted between its pieces; one that is too long is parted evenly.
    """
    lines = [""]
    for piece in pieces(name):
        for part in _evenly(piece, width):
            joint = f"{lines[-1]} {part}" if f" {part}" in name and lines[-1] else lines[-1] + part
            if cell_len(joint) <= width:
                lines[-1] = joint
            else:
                lines.append(part)
    return [line for line in lines if line]


def _evenly(piece: str, width: int) -> list[str]:
    """Return a piece in as few parts as it takes, of about one length."""
    if cell_len(piece) <= width:
        return [piece]
    count = -(-cell_len(piece) // width)
    return chop_cells(piece, min(width, max(2, -(-cell_len(piece) // count))))
