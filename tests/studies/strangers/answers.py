"""What a command answers in this process, and what no command may answer, whatever it reads."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from commands._main import main
from suite.errors import EXIT_DEFECT

LONGEST_S = 10.0
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
COMMAND = re.compile(r"^\s*::|##\[", re.MULTILINE)
MOST_SHOWN = 30


@dataclass
class Answers:
    """Exit codes by how often they came, and every answer that should not be."""

    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    slowest: str = ""

    def of_command(self, words: Sequence[str], mutation: str) -> int:
        """Run a command and keep what is wrong about its answer; return its exit code."""
        out, err = io.StringIO(), io.StringIO()

        def run() -> int:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                return main(words)

        code = self.of_call(run, f"{words[0]}: {mutation}")
        self.look_at(out.getvalue() + err.getvalue(), code, f"{words[0]}: {mutation}")
        return code

    def look_at(self, said: str, code: int, label: str) -> None:
        """Keep what is wrong about what was printed."""
        if code == EXIT_DEFECT or "Traceback" in said:
            # A traceback's end says what happened.
            self.faults.append(f"{label}\n{said[-1500:]}")
        elif steering := STEERS.search(said) or COMMAND.search(said):
            line = said[max(0, steering.start() - 60) : steering.end() + 60]
            self.faults.append(f"{label}: printed {line!r}")

    def of_call(self, call: Callable[[], int], label: str) -> int:
        """Time a call that returns an exit code, and keep what it raises."""
        began = time.process_time()
        try:
            code = call()
        except Exception as error:
            code = EXIT_DEFECT
            self.faults.append(f"{label}: raised {type(error).__name__}: {str(error)[:300]}")
        took_s = time.process_time() - began
        self.codes[f"{label.partition(':')[0]} {code}"] += 1
        if took_s > self.slowest_s:
            self.slowest_s, self.slowest = took_s, label
        if took_s > LONGEST_S:
            self.faults.append(f"{label}: took {took_s:.1f} s")
        return code

    def lines(self) -> list[str]:
        """Return the tally, and the first of what should not be."""
        counts = ", ".join(f"{name}: {count}" for name, count in sorted(self.codes.items()))
        return [
            f"command and exit code: {counts}",
            f"slowest {self.slowest_s:.2f} s: {self.slowest[:200]}",
            f"{len(self.faults)} faults",
            *self.faults[:MOST_SHOWN],
        ]


def start(study: Callable[[int, int, int, Path, Answers], object], usual_count: int) -> None:
    """Start a study with the numbers of the command line and print its answers.

    Args:
        study: takes how many mutations, the seed, how many to pass over, and a scratch folder.
    """
    numbers = [*map(int, sys.argv[1:])]
    count, seed, passed_over = (*numbers, *(usual_count, 0, 0)[len(numbers) :])
    answers = Answers()
    with tempfile.TemporaryDirectory() as scratch:
        study(count, seed, passed_over, Path(scratch), answers)
    print("\n".join(answers.lines()))
