"""What each exit code means, and when a command ends with it: for `--help` and the reference."""

from suite.errors import (
    EXIT_DEFECT,
    EXIT_GOOD,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_NOT_COMPARABLE,
    EXIT_SLOWER,
    EXIT_USAGE,
    EXIT_WRONG,
)

EXIT_CODES = {
    EXIT_GOOD: ("good", "what was asked is done; rows that failed cost their own cells"),
    EXIT_SLOWER: ("slower", "`gate`: a cell got slower, or worse in what it also gates"),
    EXIT_USAGE: (
        "bad usage or input",
        "a wrong option or file; a place that cannot be written; what the system refuses (open "
        "files, processes, memory, disk)",
    ),
    EXIT_WRONG: (
        "wrong results",
        "a cell is incorrect or implausible; or nothing that was asked passed, and something "
        "raised or crashed",
    ),
    EXIT_INCONCLUSIVE: (
        "inconclusive",
        "nothing that was asked passed, since time or memory ended; `--budget` ended before the "
        "first cell; `gate` cannot tell",
    ),
    EXIT_NOT_COMPARABLE: ("not comparable", "no baseline, or one of another machine"),
    EXIT_DEFECT: ("a defect in ConvGauge itself", "please report it"),
    EXIT_INTERRUPTED: ("interrupted", "all measured cells are kept"),
}
"""Code → what it means, and when a command ends with it."""
