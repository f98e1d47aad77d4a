"""`run` from end to end, in real processes: statuses, resuming, sharding, interruption."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from suite.machine.alone import FOLDER_VARIABLE, lock_path
from suite.results.cell import Status
from suite.results.folder import RESULTS, read_results
from tests.conftest import FAULTY, ROOT, TINY, Done
from tests.processes.test_lock import held
from tests.started_runs import wait_for_first_cells

QUICK = ("--blocks", "2", "--threads", "1")


def statuses(folder: Path) -> dict[str, Status]:
    return {f"{r.scenario.id} × {r.implementation}": r.status for r in read_results(folder)}


@pytest.fixture(scope="module")
def small_run(done_once) -> Done:
    rows = ("--impl", "unfold", "--impl", "gemm_1x1")
    return done_once("run", "tiny.yaml", *rows, *QUICK)


def test_a_run_leaves_every_file_that_it_promises(small_run):
    said, folder = small_run.said, small_run.folder

    assert said.code == 0
    for name in ("manifest.json", "results.jsonl", "results.csv", "report.html"):
        assert (folder / name).stat().st_size > 0
    assert list((folder / "plots").glob("*.png"))
    assert "tiny/a × unfold: passed" in said.out
    assert "inside the implementations' calls" in said.out
    assert "r/report.html" in said.out
    assert "gemm_1x1: 2 of 2 unsupported: needs a 1×1 kernel" in said.out
    assert "× gemm_1x1: " not in said.out
    load = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["load"]
    assert load["threads"] == 1
    assert load["others_share"] >= 0
    assert load["all_threads_s"] > 0


def test_the_reference_takes_part_unasked_and_has_speedup_one(small_run):
    with (small_run.folder / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    torch_rows = [row for row in rows if row["implementation"] == "torch"]
    assert len(torch_rows) == 2
    assert {float(row["speedup"]) for row in torch_rows} == {1.0}
    assert all(float(row["speedup"]) > 0 for row in rows if row["status"] == "passed")


def test_only_the_scenarios_asked_for_are_run_against_the_reference_asked_for(
    command, tiny, tmp_path
):
    rows = ("--impl", "torch", "--impl", "gemm_1x1", "--reference", "unfold")
    said = command("run", tiny, "--scenario", "tiny/[b-z]", *rows, "-v", "--out", "r", *QUICK)

    assert said.code == 0
    keys = {"tiny/b × torch", "tiny/b × unfold", "tiny/b × gemm_1x1"}
    assert statuses(tmp_path / "r").keys() == keys
    assert "tiny/b × gemm_1x1: unsupported" in said.out
    assert json.loads((tmp_path / "r" / "manifest.json").read_text(encoding="utf-8"))[
        "scenarios"
    ] == ["tiny/b"]


FAULTS = {
    "wrong": (Status.INCORRECT, "elements are beyond their bound; worst ["),
    "crashes": (Status.CRASHED, "SIGSEGV"),
    "hangs": (Status.TIMEOUT, "no answer within 2 s"),
    "hogs": (Status.OUT_OF_MEMORY, "the limit is"),
    "raises": (Status.ERROR, "ValueError: no luck today"),
    "quits": (Status.CRASHED, "exit code 0"),
}


@pytest.fixture(scope="module")
def faulty(done_once) -> dict[str, Done]:
    """Runs by the fault that is planted in them: all at once, and who hangs apart.

    Only that one has to meet the limit: to take 1 GiB can take 2 s on a busy machine.
    """

    def run(names: list[str], timeout_s: str) -> Done:
        rows = [("--plugin", FAULTY / f"{name}.py", "--impl", name) for name in names]
        limits = ("--timeout", timeout_s, "--memory-limit", "1")
        return done_once(
            "run", "tiny.yaml", *(word for row in rows for word in row), *limits, *QUICK
        )

    others = run([name for name in FAULTS if name != "hangs"], "60")
    return dict.fromkeys(FAULTS, others) | {"hangs": run(["hangs"], "2")}


@pytest.mark.parametrize("plugin", FAULTS)
def test_a_planted_fault_costs_its_own_cells_and_nothing_else(faulty, plugin):
    status, hint = FAULTS[plugin]
    done = faulty[plugin]
    found, said = statuses(done.folder), done.said

    assert found[f"tiny/a × {plugin}"] is found[f"tiny/b × {plugin}"] is status
    assert found["tiny/a × torch"] is found["tiny/b × torch"] is Status.PASSED
    told = [line for line in said.out.splitlines() if f"tiny/a × {plugin}: " in line]
    assert any(hint in line for line in told), told
    rows = [r for r in read_results(done.folder) if r.implementation == plugin]
    assert all(result.blocks == () for result in rows)


def test_faults_decide_the_exit_code_and_print_no_traceback(faulty):
    assert faulty["wrong"].said.code == 3
    assert faulty["hangs"].said.code == 4
    assert "--memory-limit GIB" in faulty["hogs"].said.out
    assert "--memory-limit GIB" not in faulty["hangs"].said.out
    for done in faulty.values():
        assert "Traceback" not in done.said.out + done.said.err


def test_what_implementations_print_stays_out_of_the_terminal(faulty):
    said = faulty["raises"].said

    assert "about to fail" not in said.out + said.err
    assert "importing" not in said.out + said.err


INHERITED = {
    "as a terminal starts it": "",
    "ignored, as by `command &` in a script, and blocked, as by some schedulers": (
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})"
    ),
}
"""What becomes of a signal before the program starts: it keeps what its parent leaves it."""

NOTES_WHAT_IT_LOADS = f"""\
import atexit, runpy, signal, sys
def note():
    with open("loaded.txt", "w") as file:
        print(*{{name.partition(".")[0] for name in sys.modules}}, file=file)
atexit.register(note)
INHERITED
sys.path[0] = {str(ROOT)!r}
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def start_run(there: Path, inherited: str = "") -> subprocess.Popen[str]:
    """Start a run into the folder `r`; at its end it writes what it had loaded to loaded.txt."""
    (there / "tiny.yaml").write_text(TINY)
    words = ("run", "tiny.yaml", "--plugin", FAULTY / "slow.py", "--impl", "slow")
    run = [ROOT / "run_bench.py", *words, "--impl", "unfold", "--out", "r", *QUICK]
    parent = NOTES_WHAT_IT_LOADS.replace("INHERITED", inherited)
    return subprocess.Popen(
        [sys.executable, "-c", parent, *map(str, run)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=there,
    )


def processes_below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def assert_all_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert not [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_resume_drops_a_torn_last_line(command, small_run, tmp_path):
    shutil.copytree(small_run.folder, tmp_path / "r")
    results = tmp_path / "r" / RESULTS
    whole = results.read_bytes()
    first = whole.index(b"\n") + 1
    results.write_bytes(whole[: first + 40])

    said = command("run", "--out", "r", "--resume")

    assert said.code == 0, said.err
    assert sorted(statuses(tmp_path / "r")) == sorted(statuses(small_run.folder))
    assert results.read_bytes()[:first] == whole[:first]


@dataclass(frozen=True)
class Interrupted:
    """A run that was interrupted after its first cells."""

    folder: Path
    code: int
    out: str
    err: str
    below: list[psutil.Process]
    """What it had started by then."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(text, id=name, marks=[pytest.mark.slow] * bool(text))
        for name, text in INHERITED.items()
    ],
)
def interrupted(request, tmp_path_factory) -> Interrupted:
    there = tmp_path_factory.mktemp("interrupted")
    process = start_run(there, request.param)
    wait_for_first_cells(there / "r" / RESULTS, process)
    below = processes_below(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)  # the report is written, on however slow a disk
    return Interrupted(there / "r", process.returncode, out, err, below)


def test_ctrl_c_keeps_what_was_measured_and_leaves_no_process(interrupted):
    assert interrupted.code == 130
    out, err = interrupted.out, interrupted.err
    assert "interrupted; finish" in out, out + err
    hint = next(line for line in out.splitlines() if line.startswith("interrupted; finish"))
    for word in ("--resume", "--impl slow", "--plugin"):
        assert word in hint
    assert "Traceback" not in out + err
    assert statuses(interrupted.folder)
    assert (interrupted.folder / "report.html").exists()
    assert_all_end(interrupted.below)


def test_the_parent_process_imports_neither_torch_nor_an_implementation(interrupted):
    loaded = set((interrupted.folder.parent / "loaded.txt").read_text().split())

    assert "convgauge" in loaded  # or this test shows nothing
    assert not loaded & {"torch", "impls", "numba", "sympy"}, loaded


def test_ctrl_c_is_heard_by_a_run_that_was_started_deaf(tmp_path, monkeypatch):
    """One that waits for the machine: it has started nothing yet."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with held(lock_path()):
        _, deaf = INHERITED.values()
        process = start_run(tmp_path, deaf)
        assert process.stdout is not None
        assert "waiting for its end" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "Traceback" not in out + err


@pytest.mark.slow
def test_shards_put_together_hold_the_same_cells_as_one_run(command, tiny, tmp_path):
    for index in (1, 2):
        shard = ("--shard", f"{index}/2", "--out", f"part{index}")
        assert command("run", tiny, "--impl", "unfold", *shard, *QUICK).code == 0
    assert command("run", tiny, "--impl", "unfold", "--out", "whole", *QUICK).code == 0

    assert command("report", "part1", "part2", "--out", "merged").code == 0

    def cells(name: str) -> set[tuple[str, str]]:
        with (tmp_path / name / "results.csv").open(newline="") as file:
            return {(row["scenario"], row["implementation"]) for row in csv.DictReader(file)}

    assert cells("merged") == cells("whole")
    assert (tmp_path / "merged" / "report.html").exists()


def test_a_spent_budget_names_the_cells_it_left_out(command, tmp_path):
    sizes = ", ".join(str(size) for size in range(16, 56))
    path = tmp_path / "many.yaml"
    path.write_text(
        f"name: many\ngrid: {{in_channels: 8, out_channels: 8, input_size: [{sizes}], "
        "kernel_size: 3}\n"
    )

    said = command("run", path, "--impl", "unfold", "--budget", "4", "--out", "r", *QUICK)

    measured = statuses(tmp_path / "r")
    assert len(measured) < 80
    # On a busy machine four seconds may be too few for the first cell that was asked for.
    assert said.code == (0 if any(name.endswith("unfold") for name in measured) else 4)
    assert "the budget left no time for" in said.out or "ended before the first" in said.out
    assert f"measure them with: python run_bench.py run {path} --impl unfold" in said.out
    assert "--out r --resume" in said.out


@pytest.mark.slow
def test_two_runs_are_compared_cell_by_cell(command, tiny):
    for name in ("a", "b"):
        assert command("run", tiny, "--impl", "torch", "--out", name, *QUICK).code == 0

    said = command("compare", "a", "b", "--out", "difference")

    assert said.code == 0
    assert "compare.html" in said.out
