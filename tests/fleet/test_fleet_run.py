"""`run --on` with real workers, real commands and real kills."""

from __future__ import annotations

import csv
import json
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.conftest import TINY
from tests.fleet.killing import at_work, kill_one
from tests.started_runs import start

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with -9")
MOST_S = 600.0


def wait_for(what, client: subprocess.Popen[str]):
    deadline = time.monotonic() + MOST_S
    while not (value := what()):
        assert client.poll() is None, client.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def records_in(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def cells_in(folder: Path) -> Counter:
    return Counter((r["scenario"]["id"], r["implementation"]) for r in records_in(folder))


@dataclass
class Killed:
    """A run of which a worker was killed."""

    code: int
    out: str
    folder: Path
    jobs: list[psutil.Process]
    """Of that worker."""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    there = tmp_path_factory.mktemp("fleet")
    (there / "tiny.yaml").write_text(TINY)
    words = ["run", "tiny.yaml", "--impl", "torch", "--blocks", "1", "--threads", "1"]
    client = start([*words, "--on", "local:2", "--out", "r"], there)
    wait_for(lambda: at_work(client), client)
    jobs = kill_one(client, random.Random(0))
    out, err = client.communicate(timeout=MOST_S)
    assert client.returncode == 0, err
    return Killed(client.returncode, out, there / "r", jobs)


def test_every_cell_is_there_once_though_a_worker_was_killed(killed):
    assert cells_in(killed.folder) == {("tiny/a", "torch"): 1, ("tiny/b", "torch"): 1}
    assert "given back: its worker on" in killed.out


def test_what_the_killed_worker_had_started_is_gone(killed):
    assert killed.jobs
    assert not any(job.is_running() for job in killed.jobs)


def test_every_record_and_the_manifest_name_the_machine(killed):
    here = socket.gethostname()
    manifest = json.loads((killed.folder / "manifest.json").read_text())
    table = (killed.folder / "results.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))

    assert {record["machine"] for record in records_in(killed.folder)} == {here}
    assert {row["machine"] for row in rows} == {here}
    assert manifest["fleet"] == {"on": "local:2", "machines": [here]}
    assert manifest["summary"]["machines"][here]["cells"] == 2


def test_the_nannys_environment_is_none_of_the_runs(killed):
    manifest = json.loads((killed.folder / "manifest.json").read_text())

    assert not manifest["environment"].keys() & {"OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_"}


def test_at_the_end_it_says_which_machine_did_how_much(killed):
    assert "2 cells, 2 scenarios, busy" in killed.out
    assert "for the machine, idle" in killed.out


@pytest.mark.slow
def test_a_client_killed_with_9_is_resumed_by_other_workers(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    words = ["run", "tiny.yaml", "--impl", "torch", "--impl", "unfold", "--blocks", "3"]
    client = start([*words, "--on", "local:2", "--out", "r"], tmp_path)
    results = tmp_path / "r/results.jsonl"
    wait_for(lambda: results.exists() and results.read_text().count("\n"), client)
    workers = at_work(client)
    client.kill()
    client.communicate()
    for worker in workers:  # which see that their scheduler is gone, and end with their jobs
        worker.wait(MOST_S)
    before = cells_in(tmp_path / "r")
    again = start(["run", "--resume", "--out", "r", "--on", "local:1"], tmp_path)
    _, err = again.communicate(timeout=MOST_S)

    assert again.returncode == 0, err
    cells = cells_in(tmp_path / "r")
    assert cells == {(f"tiny/{s}", row): 1 for s in "ab" for row in ("torch", "unfold")}
    assert before.items() <= cells.items()


@pytest.mark.slow
def test_every_cell_is_there_once_after_twenty_kills(tmp_path):
    words = ["run", "quick", "--on", "local:2", "--blocks", "6", "--out", "r"]
    client = start(words, tmp_path)
    generator, kills = random.Random(20), 0
    wait_for(lambda: at_work(client), client)
    while client.poll() is None and kills < 20:
        kills += bool(kill_one(client, generator))
        time.sleep(generator.uniform(1, 9))
    _, err = client.communicate(timeout=3600)
    listed = json.loads((tmp_path / "r/manifest.json").read_text())["scenarios"]

    assert client.returncode in (0, 4), err
    assert kills == 20
    unfinished = tmp_path / "r/unfinished.jsonl"
    lost = unfinished.read_text().splitlines() if unfinished.exists() else []
    cells = cells_in(tmp_path / "r") + Counter(
        (json.loads(line)["scenario"]["id"], json.loads(line)["implementation"]) for line in lost
    )
    assert set(cells.values()) == {1}
    assert {scenario for scenario, _ in cells} == set(listed)
    again = start(["run", "--resume", "--out", "r", "--on", "local:1"], tmp_path)
    _, err = again.communicate(timeout=3600)
    assert again.returncode == 0, err
    assert cells_in(tmp_path / "r") == cells
