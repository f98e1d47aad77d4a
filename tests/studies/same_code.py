"""How often is an honest row refused on a busy machine? The same code under several names.

    python -m tests.studies.same_code --cells 2000 [--busy 1] [--threads 1] [--seconds 600]

Every cell is torch's convolution under another name, beside torch itself: two blocks of a few
milliseconds, on layers whose calls take from ten microseconds to tens of milliseconds. `--busy N`
keeps N processes computing beside it. Prints every cell that was refused, and
how many were not.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from suite.conditions import Scenario
from suite.measuring.interim import decided
from suite.measuring.judge_client import JudgeClient
from suite.measuring.race import Race
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.problem import Problem
from suite.registry.sources import Source, builtin_sources
from tests.arms import arm
from tests.conftest import ROOT

TWINS = 8
LAYERS = {
    "10 us": Problem.of_call((1, 4, 12, 12), (4, 4, 3, 3)),
    "100 us": Problem.of_call((1, 32, 28, 28), (32, 32, 3, 3), padding=(1, 1)),
    "wide operands": Problem.of_call((1, 32, 56, 56), (32, 32, 1, 1)),
    "2 ms": Problem.of_call((1, 8, 32, 32), (8, 8, 13, 13), padding=(6, 6)),
    "20 ms": Problem.of_call((1, 8, 64, 64), (8, 8, 25, 25), padding=(12, 12)),
}


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many processes computing."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--busy", type=int, default=1, metavar="N")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after so long")
    options = parser.parse_args()

    vendor = next(s for s in builtin_sources(ROOT) if s.location == "impls.vendor")
    twins = Source(str(Path(__file__).with_name("twins.py")))
    arms = [
        arm("torch", "vendor", vendor),
        *(arm(f"twin_{number}", "vendor", twins) for number in range(TWINS)),
    ]
    statuses: Counter[str] = Counter()
    deadline = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory(prefix="convgauge-") as scratch, busy(options.busy):
        settings = Settings(
            threads=options.threads,
            log=Path(scratch) / "log",
            blocks=2,
            least_blocks=2,
            block_s=0.03,
        )
        time_spent = TimeSpent()
        judge = JudgeClient(settings, time_spent)
        try:
            for name, problem in itertools.cycle(LAYERS.items()):
                if statuses.total() >= options.cells or time.monotonic() > deadline:
                    break
                scenario = Scenario(id=f"same-code/{name}", problem=problem)
                for result in decided(Race(scenario, arms, judge, settings, time_spent).results()):
                    if result.implementation != "torch":
                        statuses[str(result.status)] += 1
                    if result.status != "passed":
                        print(name, result.implementation, result.status, result.reason)
        finally:
            judge.close()
    told = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
    print(f"{statuses.total()} cells beside {options.busy} busy processes: {told}")


if __name__ == "__main__":
    main()
