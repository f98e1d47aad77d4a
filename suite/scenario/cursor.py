"""A place in a text: what comes next, where that is, and how to step over it."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NoReturn

from suite.scenario.yamltree import Faults, Place


class Cursor:
    """Stands before `text[at]`. The text ends with a line end."""

    def __init__(self, text: str, faults: Faults) -> None:
        self.text = text if text.endswith("\n") else text + "\n"
        self.at = 0
        self.faults = faults
        self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]

    def next(self) -> str:
        """Return the next character; behind the end there are line ends."""
        return self.text[self.at] if self.at < len(self.text) else "\n"

    def take(self, pattern: str) -> str:
        """Step over what matches here and return it; empty where nothing does."""
        found = self.match(pattern)
        if not found:
            return ""
        self.at = found.end()
        return found.group()

    def match(self, pattern: str, at: int | None = None) -> re.Match[str] | None:
        return re.compile(pattern).match(self.text, self.at if at is None else at)

    def is_at_end(self) -> bool:
        return self.at >= len(self.text)

    def column(self) -> int:
        return self.at - self._starts[bisect_right(self._starts, self.at) - 1]

    def place(self, at: int | None = None) -> Place:
        at = self.at if at is None else at
        line = bisect_right(self._starts, at)
        return Place(line, at - self._starts[line - 1] + 1)

    def rest(self) -> str:
        """Return the rest of the line, as messages show it."""
        rest = self.text[self.at : self.text.find("\n", self.at)]
        return f'"{rest[:30]}"' if rest else "the end of the line"

    def stop(self, message: str, at: int | None = None) -> NoReturn:
        """Give up here: what follows cannot be understood."""
        self.faults.add(self.place(at), message)
        raise self.faults.error()
