"""How a command speaks: everything that it writes to the terminal or a log goes through here.

`say` prints one line for each text that it is given. `guarded` stands before the process's own
streams while a command runs, so that whatever else prints (rich, argparse, a traceback) is held to
the same: no line is taken for a command by the log of a CI system, and where no terminal listens
nothing steers one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from suite.printable import printable, without_commands, without_control


def say(*texts: object) -> None:
    """Print each as one line, whatever it holds."""
    for text in texts:
        print(printable(str(text)))


def say_error(text: object) -> None:
    """Print a message of one or more lines to standard error."""
    for line in str(text).split("\n"):
        print(printable(line), file=sys.stderr)


@contextmanager
def guarded() -> Iterator[None]:
    """Put a guard before standard output and standard error."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Guard(stream) if stream else stream for stream in streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


class _Guard:
    """A text stream that lets no command of a log through; in all else the one behind it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_at_start = True
        """Whether nothing but spaces stands in the line yet."""

    def write(self, text: str) -> int:
        if not self._stream.isatty():
            text = without_control(text)
        lead = "" if self._is_at_start else "x"
        self._stream.write(without_commands(lead + text)[len(lead) :])
        self._is_at_start = not (lead + text).rpartition("\n")[2].strip()
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
