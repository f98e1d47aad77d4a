"""How much CPU time a command takes to start, against Python with the modules it cannot do without.

    python -m tests.studies.startup [PROCESSES]      # of each command, 21 unless told otherwise

The processes take turns, so that a machine that slows down slows all of them. They keep what Python
compiles, as installed files do, whatever PYTHONDONTWRITEBYTECODE says: to compile our sources anew
adds some 0.8 to every `validate`. Wanted: below 3 for `--help` and every `validate`.
`python -X importtime run_bench.py validate FILE` says what is imported, and for how long.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASE = ("-c", "import argparse, json, pathlib")
COMMANDS = (
    "--help",
    "list",
    "validate scenarios/quick.yaml",
    "validate scenarios/edge_shapes.yaml",
    "validate scenarios/timm.yaml",
)


def cpu_s(words: tuple[str, ...], compiled: str) -> float:
    """Return the user and system time of one Python process.

    Args:
        compiled: folder of what Python has compiled.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def medians_s(commands: dict[str, tuple[str, ...]], processes: int) -> dict[str, float]:
    """Return each command's median, after one process of each that fills the caches."""
    times_s: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as compiled:
        for turn in range(processes + 1):
            for name, words in commands.items():
                time_s = cpu_s(words, compiled)
                if turn:
                    times_s[name].append(time_s)
    return {name: statistics.median(values) for name, values in times_s.items()}


def main(processes: int = 21) -> None:
    lines = {line: ("run_bench.py", *line.split()) for line in COMMANDS}
    base, *rest = medians_s({"base": BASE, **lines}, processes).items()
    print(f"{base[1] * 1e3:.0f} ms  python {BASE[0]} {BASE[1]!r}")
    for line, time_s in rest:
        print(f"{time_s / base[1]:.2f}×  {line}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
