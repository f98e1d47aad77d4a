"""Real gate runs, end to end: equal revisions, and revisions with real extra work.

    python -m tests.studies.gate.live same --runs 6
    python -m tests.studies.gate.live plus05 [--margin 0.02] [--budget 600]

Each run gates a throwaway git repository whose plug-in file is `subject.py`; head's copy computes
the extra work of the arm that is named. A third of the cells of head are slowed, the others are the
same code. Prints one line a run: exit code, seconds, what was caught, what was blamed, and the size
of the run's folder.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from suite.measuring import new_run
from suite.scenario import load_files
from tests.studies.gate.extra_work import CELLS, THREADS
from tests.studies.gate.samples import ARMS

HERE = Path(__file__).parent
SLOWED = 1 / 3
IMPLEMENTATIONS = ("vendor", "unfolded")


def git(folder: Path, *words: str) -> None:
    settings = ("user.name=ConvGauge", "user.email=convgauge@localhost", "commit.gpgsign=false")
    ours = [word for setting in (*settings, "core.hooksPath=/dev/null") for word in ("-c", setting)]
    subprocess.run(["git", "-C", str(folder), *ours, *words], check=True, capture_output=True)


def repository(folder: Path, extra: dict[str, dict[str, int]], arm: str, seed: int) -> set[str]:
    """Make a repository with the tags base and head; return the keys that head slows."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    shutil.copyfile(HERE / "subject.py", folder / "subject.py")
    (folder / "extra.json").write_text("{}")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "base")
    git(folder, "tag", "base")
    table = extra.get(ARMS[arm], {})
    number = round(SLOWED * len(table))
    slowed = set(random.Random(seed).sample(sorted(table), number)) if table else set()
    (folder / "extra.json").write_text(json.dumps({key: table[key] for key in slowed}))
    (folder / "README").write_text(f"{arm} {seed}\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", arm)
    git(folder, "tag", "head")
    return slowed


def gate(folder: Path, out: Path, options: argparse.Namespace) -> tuple[int, float]:
    words = [
        sys.executable,
        str(new_run.TREE / "run_bench.py"),
        "gate",
        str(CELLS),
        "--base",
        "base",
        "--head",
        "head",
        "--plugin",
        str(folder / "subject.py"),
        "--margin",
        str(options.margin),
        "--budget",
        str(options.budget),
        "--threads",
        str(options.threads),
        "--out",
        str(out),
        "--accept",
        "operators",
    ]
    began = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 4):
        print(done.stdout, done.stderr, file=sys.stderr)
    return done.returncode, time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("arm", choices=list(ARMS)[1:])
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--margin", type=float, default=0.02)
    parser.add_argument("--budget", type=float, default=600)
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--extra", type=Path, default=Path("results/gate_study/extra.json"))
    options = parser.parse_args()
    table = json.loads(options.extra.read_text(encoding="utf-8"))["extra"]
    for seed in range(options.runs):
        with tempfile.TemporaryDirectory(prefix="convgauge-") as scratch:
            folder, out = Path(scratch) / "repository", Path(scratch) / "out"
            slowed = repository(folder, table, options.arm, seed)
            code, seconds = gate(folder, out, options)
            print(describe(options.arm, code, seconds, out, slowed), flush=True)


def describe(arm: str, code: int, seconds: float, out: Path, slowed: set[str]) -> str:
    """Return one line on a run."""
    size_bytes = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    cells = json.loads((out / "gate.json").read_text(encoding="utf-8"))["cells"]
    slower = slowed_cells(slowed)
    caught = {(c["scenario"], c["implementation"]) for c in cells if is_regressed(c)}
    unclear = sum((cell["time"] or {}).get("verdict") == "cannot tell" for cell in cells)
    return (
        f"{arm}: exit code {code}, {seconds:.0f} s, {len(cells)} cells, {len(slower)} slowed, "
        f"{len(caught & slower)} of them caught, {len(caught - slower)} others blamed, "
        f"{unclear} cannot tell, {size_bytes / 1e6:.2f} MB"
    )


def is_regressed(cell: dict[str, Any]) -> bool:
    time_verdict = cell["time"] or {}
    return time_verdict.get("verdict") == "regressed"


def slowed_cells(keys: set[str]) -> set[tuple[str, str]]:
    """Return scenario and implementation of the keys in a table of extra work."""
    cells = set()
    for scenario in load_files([str(CELLS)])[0].scenarios:
        problem = scenario.problem
        for name in IMPLEMENTATIONS:
            key = (
                f"{name} {problem.input_shape} {problem.weight_shape} {problem.stride} "
                f"{problem.dilation} torch.{scenario.dtype}"
            )
            if key in keys:
                cells.add((scenario.id, name))
    return cells


if __name__ == "__main__":
    main()
