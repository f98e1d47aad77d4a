"""Record raw samples of real blocks: base, twice more the same, and 3, 5 and 10 % extra work.

    python -m tests.studies.gate.record SITTING --blocks N [--busy-from B] [--into DIR]
    python -m tests.studies.gate.record --pack [--into DIR]

One sitting takes N blocks: in each, a fresh interpreter for every arm, all alive together, and
turns that alternate in random order, cell by cell. These are the gate's own processes and
requests (`suite.gate.side`, `suite.measuring.timing`); only the judging of outputs is left out, and
warm-up and turns are shorter.
`--busy-from B` keeps one core busy from the sitting's block B on. A sitting can be taken in
pieces: every call adds its blocks to DIR/SITTING.jsonl. `--pack` turns all sittings in DIR into
samples.npz.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from suite.conditions import Scenario
from suite.gate.side import CellPeer, Side
from suite.machine import host
from suite.measuring import new_run
from suite.measuring.cell import Cell
from suite.measuring.judge_client import JudgeClient
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.measuring.timing import Timing
from suite.measuring.turns import take_turns
from suite.processes.shared_memory import OperandLayout, SharedMemory
from suite.registry.sources import Source
from suite.results.comparable import fingerprint
from suite.scenario import load_files
from tests.arms import arm
from tests.studies.gate.extra_work import THREADS
from tests.studies.gate.samples import ARMS, SAMPLES, pack

HERE = Path(__file__).parent
CELLS = HERE / "cells.yaml"
FAMILIES = {"vendor": "vendor", "unfolded": "im2col"}
BUSY_LOOP = "while True: pass"


class Links:
    """Gives every process a path of its own to its arm's folder, as the gate's checkouts do."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._random = random.Random()
        self.root = folder / "no-repository"

    def alias(self, tree: Path) -> Path:
        name = "".join(self._random.choices("abcdefgh", k=self._random.randint(8, 120)))
        link = self._folder / name
        link.symlink_to(tree, target_is_directory=True)
        return link

    def drop(self, alias: Path) -> None:
        alias.unlink()


class Recorder:
    """The arms' folders and the judge of one piece of a sitting."""

    def __init__(self, folder: Path, extra: Mapping[str, object]) -> None:
        self._settings = Settings(
            threads=THREADS, log=folder / "log", verify=False, block_s=0.048, rounds=4
        )
        self._time_spent = TimeSpent()
        self._judge = JudgeClient(self._settings, self._time_spent)
        self._random = random.Random()
        self._scenarios = {s.id: s for s in load_files([str(CELLS)])[0].scenarios}
        self._cells = list(extra["cells"])
        links = Links(folder)
        self._sides = {
            arm: Side(arm, arm_folder(folder, arm, extra), links, self._settings) for arm in ARMS
        }

    def close(self) -> None:
        for side in self._sides.values():
            side.stop()
        self._judge.close()

    def block(self) -> dict[str, object]:
        """Measure one block; return its samples by cell and arm, and what it took."""
        began = time.monotonic()
        for side in self._shuffled(self._sides.values()):
            side.start()
        for side in self._sides.values():
            side.ready()
        started_s = time.monotonic() - began
        samples: dict[str, dict[str, list[float]]] = {}
        for scenario_id, cells in self._by_scenario():
            scenario = self._scenarios[scenario_id]
            with SharedMemory(OperandLayout(scenario).size_bytes) as shared:
                self._judge.open(scenario, shared)
                seed = self._judge.draw_block()
                for cell in cells:
                    samples[cell] = self._cell(cell, scenario, shared, seed)
        for side in self._sides.values():
            side.stop()
        return {
            "samples": samples,
            "start_s": started_s,
            "wall_s": time.monotonic() - began,
            "load_1min": os.getloadavg()[0],
            "time": time.time(),
        }

    def _cell(
        self, key: str, scenario: Scenario, shared: SharedMemory, seed: str
    ) -> dict[str, list[float]]:
        name = key.rpartition(" × ")[2]
        cells = {}
        for label, side in self._sides.items():
            source = Source(str(side.tree / "subject.py"))
            subject = arm(name, FAMILIES[name], source, label)
            cell = Cell(subject, scenario, self._settings, self._time_spent)
            peer = CellPeer(side, key, subject)
            cell.worker.adopt(peer)
            cells[label] = cell
            peer.load(cell.threads)
            cell.loaded()
            cell.open(shared)
        timings = [Timing(cell, self._judge, self._settings) for cell in cells.values()]
        try:
            for timing in self._shuffled(timings):
                timing.begin()
            take_turns(timings, self._random)
            for timing in timings:
                timing.end(seed, None)
        finally:
            for cell in cells.values():
                cell.close()
        failed = {label: cell.reason for label, cell in cells.items() if not cell.blocks}
        if failed:
            print(f"{key}: {failed}", file=sys.stderr)
        return {
            label: thinned(cell.blocks[-1].samples_s)
            for label, cell in cells.items()
            if cell.blocks
        }

    def _by_scenario(self) -> list[tuple[str, list[str]]]:
        groups: dict[str, list[str]] = {}
        for cell in self._shuffled(self._cells):
            groups.setdefault(cell.rpartition(" × ")[0], []).append(cell)
        return list(groups.items())

    def _shuffled(self, items):
        shuffled = list(items)
        self._random.shuffle(shuffled)
        return shuffled


def arm_folder(folder: Path, arm: str, extra: Mapping[str, object]) -> Path:
    """Write an arm's copy of the plug-in and its table of extra work."""
    tree = folder / "arms" / arm
    tree.mkdir(parents=True)
    shutil.copyfile(HERE / "subject.py", tree / "subject.py")
    (tree / "extra.json").write_text(json.dumps(extra["extra"].get(ARMS[arm], {})))
    return tree


def thinned(samples_s: Sequence[float]) -> list[float]:
    """Return `SAMPLES` values at most: medians of neighbouring samples, in order of time."""
    groups = min(SAMPLES, len(samples_s))
    edges = [round(place * len(samples_s) / groups) for place in range(groups + 1)]
    return [statistics.median(samples_s[a:b]) for a, b in pairwise(edges)]


@contextlib.contextmanager
def busy_core(wanted: bool) -> Iterator[None]:
    """Keep one core busy."""
    if not wanted:
        yield
        return
    loop = subprocess.Popen([sys.executable, "-c", BUSY_LOOP])
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(loop.pid, {min(os.sched_getaffinity(0))})
    try:
        yield
    finally:
        loop.kill()
        loop.wait()


def sizes_of_extra_work(folder: Path) -> dict[str, object]:
    """Return the table of extra work, made once for all sittings."""
    path = folder / "extra.json"
    if not path.is_file():
        subprocess.run(
            [sys.executable, "-m", "tests.studies.gate.extra_work", str(path)],
            cwd=new_run.TREE,
            check=True,
        )
    return json.loads(path.read_text(encoding="utf-8"))


def note_machine(folder: Path) -> None:
    """Write the facts about this machine, once."""
    path = folder / "machine.json"
    if not path.is_file():
        facts = host.facts() | new_run.torch_facts(folder / "log")
        facts["fingerprint"] = fingerprint(facts)
        path.write_text(json.dumps(facts, indent=1))


def take_sitting(name: str, blocks: int, busy_from: int | None, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    extra = sizes_of_extra_work(into)
    note_machine(into)
    with tempfile.TemporaryDirectory(prefix="convgauge-") as scratch:
        recorder = Recorder(Path(scratch), extra)
        try:
            path = into / f"{name}.jsonl"
            before = len(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else 0
            with path.open("a") as file:
                for number in range(before, before + blocks):
                    loaded = busy_from is not None and number >= busy_from
                    with busy_core(loaded):
                        block = recorder.block() | {"busy": loaded}
                    file.write(json.dumps(block) + "\n")
                    file.flush()
                    print(f"{name} block {number}: {block['wall_s']:.1f} s", flush=True)
        finally:
            recorder.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sitting", nargs="?", help="its name; blocks are added to it")
    parser.add_argument("--blocks", type=int, default=50)
    parser.add_argument("--busy-from", type=int, metavar="B", help="keep a core busy from there on")
    parser.add_argument("--into", type=Path, default=Path("results/gate_study"))
    parser.add_argument("--pack", action="store_true", help="write samples.npz from all sittings")
    options = parser.parse_args()
    if options.sitting:
        take_sitting(options.sitting, options.blocks, options.busy_from, options.into)
    if options.pack:
        print(pack(options.into, options.into / "samples.npz"))


if __name__ == "__main__":
    main()
