"""Every error that ConvGauge raises on purpose, and the exit code each one ends in.

    ConvGaugeError
    ├── UsageError          2   bad input: says where, what was found, what is accepted, what to do
    ├── NotComparable       5   no baseline, or one from another machine
    └── Defect             70   the suite itself is at fault
    Unsupported                 raised by implementations, becomes a cell's status

Exit codes that no exception carries: 0 good, 1 slower, 3 wrong results, 4 inconclusive,
130 interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable

EXIT_GOOD = 0
EXIT_SLOWER = 1
EXIT_USAGE = 2
EXIT_WRONG = 3
EXIT_INCONCLUSIVE = 4
EXIT_NOT_COMPARABLE = 5
EXIT_DEFECT = 70
EXIT_INTERRUPTED = 130


class ConvGaugeError(Exception):
    """Base of all errors whose message is meant for the user."""

    exit_code = EXIT_DEFECT


class UsageError(ConvGaugeError):
    """The input is at fault. The message names the place, the finding and the cure."""

    exit_code = EXIT_USAGE


class NotComparable(ConvGaugeError):
    """Two runs cannot be compared, or there is nothing to compare with."""

    exit_code = EXIT_NOT_COMPARABLE


class Defect(ConvGaugeError):
    """The suite broke one of its own promises."""


class Unsupported(Exception):
    """Raised by an implementation for a problem it does not cover; the text is the reason."""


def did_you_mean(word: str, accepted: Iterable[str]) -> str:
    """Return " did you mean "x"?" for the nearest accepted word, or an empty string."""
    import difflib  # noqa: PLC0415 - 2 ms that only errors need

    nearest = difflib.get_close_matches(word, list(accepted), n=1, cutoff=0.6)
    return f' Did you mean "{nearest[0]}"?' if nearest else ""
