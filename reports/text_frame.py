"""A table of figures as lines of text that are no wider than a terminal.

One that is too wide is tried with names in several lines, then turned, then with names parted
where it must be, then in parts below each other. Different names stay different.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.text import Text

from reports.fitted_names import distinct, in_lines, pieces, width_of
from suite.printable import printable

DIM = "bright_black"
MOST_LINES = 60
"""Of a table; what is beyond is in the report."""
LEAST_LABEL = 12
"""Columns that the names at the left have at least, if they are so long."""
MOST_HEAD_LINES = 4
_ONE_LINE = 0
"""Names above in one line, and those at the left whole."""
_CAPS = range(8, 4, -1)
"""Columns of a part of a name, as few as it takes."""


@dataclass(frozen=True)
class Figure:
    """One cell: a figure or a word, marks behind it."""

    text: str = ""
    marks: str = ""
    style: str = ""

    @property
    def width(self) -> int:
        """Columns, one of them for a mark."""
        return len(self.text) + max(1, len(self.marks))


@dataclass(frozen=True)
class Frame:
    """Figures with names at the left and above; either way round."""

    labels: Sequence[str]
    heads: Sequence[str]
    columns: Sequence[Sequence[Figure]]

    def lines(self, width: int) -> list[Text]:
        """Return it in lines of at most `width`, in one piece where that is possible."""
        return self._whole(width) or self._in_parts(width)

    def _whole(self, width: int) -> list[Text] | None:
        ways = [self] if len(self.heads) > MOST_LINES else [self, self._turned()]
        for caps in ((_ONE_LINE, width), _CAPS):
            for way in ways:
                for cap in caps:
                    if lines := way._fitted(cap, width):
                        return lines
        return None

    def _in_parts(self, width: int) -> list[Text]:
        """Return it in parts below each other, each with as many columns as fit."""
        lines: list[Text] = []
        first = 0
        while first < len(self.heads):
            last = first + 1
            part = self._part(first, last)._alone(width)
            while last < len(self.heads) and (
                wider := self._part(first, last + 1)._fitted(_CAPS[0], width)
            ):
                part, last = wider, last + 1
            if lines and len(lines) + len(part) > MOST_LINES:
                more = ", ".join(self.heads[first:])
                return [*lines, *wrapped(f"in the report besides: {more}", width)]
            lines += [*([Text("")] if lines else []), *part]
            first = last
        return lines

    def _turned(self) -> Frame:
        return Frame(self.heads, self.labels, list(zip(*self.columns, strict=True)))

    def _part(self, first: int, last: int) -> Frame:
        return Frame(self.labels, self.heads[first:last], self.columns[first:last])

    def _alone(self, width: int) -> list[Text]:
        """Return the lines of one column, which are too wide in a very narrow terminal alone."""
        for least in range(LEAST_LABEL, 1, -2):
            for cap in _CAPS:
                if lines := self._fitted(cap, width, least):
                    return lines
        return self._fitted(_CAPS[-1], 100 * width) or []

    def _fitted(self, cap: int, width: int, least: int = LEAST_LABEL) -> list[Text] | None:
        """Return its lines, or None where they would be too wide.

        Args:
            cap: columns that a part of a name above may take; its parts stand below each other.
            least: columns that names at the left have, if they are so long.
        """
        widths, heads = [], []
        for head, column in zip(self.heads, self.columns, strict=True):
            own = max((figure.width for figure in column), default=1)
            widest = width_of(pieces(head))
            wanted = width if cap == _ONE_LINE else min(cap, widest)
            head_lines = in_lines(head, max(own - 1, wanted))
            if len(head_lines) > MOST_HEAD_LINES:
                return None
            heads.append(head_lines)
            widths.append(max(own, width_of(head_lines) + 1))
        room = width - sum(widths) - len(widths)
        whole = width_of(self.labels)
        if room < (whole if cap == _ONE_LINE else min(least, whole)):
            return None
        labels = distinct(self.labels, room)
        first = width_of(labels)
        return [*_head(heads, widths, first), *self._body(labels, widths, first)]

    def _body(self, labels: Sequence[str], widths: Sequence[int], first: int) -> Iterable[Text]:
        for number, label in enumerate(labels):
            line = Text(_padded(label, first))
            for column, column_width in zip(self.columns, widths, strict=True):
                figure = column[number]
                room = column_width - max(1, len(figure.marks))
                # Marks stand behind, so that figures with and without one line up.
                line.append(f" {figure.text.rjust(room)}{figure.marks.ljust(1)}", figure.style)
            line.rstrip()
            yield line


def _head(heads: Sequence[Sequence[str]], widths: Sequence[int], first: int) -> Iterable[Text]:
    most = max(map(len, heads), default=0)
    for number in range(most):
        line = " " * first
        for head, width in zip(heads, widths, strict=True):
            at = number - (most - len(head))
            line += f" {_padded(head[at] if at >= 0 else '', width - 1, right=True)} "
        yield Text(line.rstrip(), "bold")


def _padded(text: str, width: int, *, right: bool = False) -> str:
    blank = " " * (width - cell_len(text))
    return blank + text if right else text + blank


def wrapped(text: str, width: int, style: str = DIM) -> list[Text]:
    """Return a text in lines of whole words, as far as those fit."""
    lines = [""]
    for word in printable(text).split(" "):
        for part in chop_cells(word, width):
            joint = f"{lines[-1]} {part}".strip()
            if cell_len(joint) <= width:
                lines[-1] = joint
            else:
                lines.append(part)
    return [Text(line, style) for line in lines if line]


def cut(text: str, width: int, style: str = DIM) -> Text:
    """Return a text as one line of at most `width`."""
    line = Text(printable(text), style)
    line.truncate(width, overflow="ellipsis")
    return line
