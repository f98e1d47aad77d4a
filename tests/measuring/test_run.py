"""`run` from end to end, in real processes: statuses, resuming, sharding, interruption."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from suite.results.cell import Status
from suite.results.folder import RESULTS, read_results
from tests.conftest import FAULTY, ROOT

QUICK = ("--blocks", "2", "--threads", "1")


def statuses(folder: Path) -> dict[str, Status]:
    return {f"{r.scenario.id} × {r.implementation}": r.status for r in read_results(folder)}


def test_a_run_leaves_every_file_that_it_promises(command, tiny, tmp_path):
    rows = ("--impl", "unfold", "--impl", "gemm_1x1")
    said = command("run", tiny, *rows, "--out", "r", *QUICK)

    assert said.code == 0
    for name in ("manifest.json", "results.jsonl", "results.csv", "report.html"):
        assert (tmp_path / "r" / name).stat().st_size > 0
    assert list((tmp_path / "r" / "plots").glob("*.png"))
    assert "tiny/a × unfold: passed" in said.out
    assert "inside the implementations' calls" in said.out
    assert "r/report.html" in said.out
    assert "gemm_1x1: 2 of 2 unsupported: needs a 1×1 kernel" in said.out
    assert "× gemm_1x1: " not in said.out
    load = json.loads((tmp_path / "r" / "manifest.json").read_text(encoding="utf-8"))["load"]
    assert load["threads"] == 1
    assert load["others_share"] >= 0
    assert load["all_threads_s"] > 0


def test_the_reference_takes_part_unasked_and_has_speedup_one(command, tiny, tmp_path):
    command("run", tiny, "--impl", "unfold", "--out", "r", *QUICK)

    with (tmp_path / "r" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    torch_rows = [row for row in rows if row["implementation"] == "torch"]
    assert len(torch_rows) == 2
    assert {float(row["speedup"]) for row in torch_rows} == {1.0}
    assert all(float(row["speedup"]) > 0 for row in rows)


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


@pytest.mark.parametrize(
    ("plugin", "status", "hint", "code"),
    [
        ("wrong", Status.INCORRECT, "elements are beyond their bound; worst [", 3),
        ("crashes", Status.CRASHED, "SIGSEGV", 3),
        ("hangs", Status.TIMEOUT, "no answer within 2 s", 4),
        ("hogs", Status.OUT_OF_MEMORY, "the limit is", 4),
        ("raises", Status.ERROR, "ValueError: no luck today", 3),
        ("quits", Status.CRASHED, "exit code 0", 3),
    ],
)
def test_a_planted_fault_costs_its_own_cells_and_nothing_else(
    command, tiny, tmp_path, plugin, status, hint, code
):
    # Only who hangs has to meet this limit: to take 1 GiB can take more than 2 s on a busy machine.
    limits = ("--timeout", "2" if plugin == "hangs" else "60", "--memory-limit", "1")
    file = FAULTY / f"{plugin}.py"
    words = ("--plugin", file, "--impl", plugin, "--out", "r", *QUICK, *limits)
    said = command("run", tiny, *words)

    assert said.code == code
    found = statuses(tmp_path / "r")
    assert found[f"tiny/a × {plugin}"] is found[f"tiny/b × {plugin}"] is status
    assert found["tiny/a × torch"] is found["tiny/b × torch"] is Status.PASSED
    assert hint in said.out
    assert ("--memory-limit GIB" in said.out) is (status is Status.OUT_OF_MEMORY)
    assert "Traceback" not in said.out + said.err
    faulty = [r for r in read_results(tmp_path / "r") if r.implementation == plugin]
    assert all(result.blocks == () for result in faulty)


def test_what_implementations_print_stays_out_of_the_terminal(command, tiny):
    said = command("run", tiny, "--plugin", FAULTY / "raises.py", "--impl", "raises", *QUICK)

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


def start_run(tiny: Path, folder: Path, inherited: str = "") -> subprocess.Popen[str]:
    words = ("run", tiny, "--plugin", FAULTY / "slow.py", "--impl", "slow", "--impl", "unfold")
    run = [sys.executable, ROOT / "run_bench.py", *words, "--out", folder, *QUICK]
    parent = f"import os, signal, sys\n{inherited}\nos.execv(sys.argv[1], sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", parent, *map(str, run)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tiny.parent,
    )


def wait_for_first_cells(folder: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    results = folder / RESULTS
    while not (results.exists() and results.read_text(encoding="utf-8").count("\n") >= 1):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def assert_all_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=15)
    assert not [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_kill_9_loses_no_finished_cell_and_resume_measures_exactly_the_rest(
    command, tiny, tmp_path
):
    folder = tmp_path / "r"
    process = start_run(tiny, folder)
    wait_for_first_cells(folder, process)
    below = processes_below(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert_all_end(below)
    before = (folder / RESULTS).read_text(encoding="utf-8").splitlines()
    kept = [json.loads(line)["implementation"] for line in before]
    assert kept
    assert len(kept) < 6

    words = ("--plugin", FAULTY / "slow.py", "--impl", "slow", "--impl", "unfold")
    said = command("run", tiny, *words, "--out", folder, "--resume", *QUICK)

    assert said.code == 0
    after = (folder / RESULTS).read_text(encoding="utf-8").splitlines()
    assert after[: len(before)] == before
    assert len(after) == len(statuses(folder)) == 6


def test_resume_drops_a_torn_last_line(command, tiny, tmp_path):
    command("run", tiny, "--impl", "torch", "--out", "r", *QUICK)
    results = tmp_path / "r" / RESULTS
    whole = results.read_bytes()
    first = whole.index(b"\n") + 1
    results.write_bytes(whole[: first + 40])

    command("run", tiny, "--impl", "torch", "--out", "r", "--resume", *QUICK)

    assert list(statuses(tmp_path / "r")) == ["tiny/a × torch", "tiny/b × torch"]
    assert results.read_bytes()[:first] == whole[:first]


@pytest.mark.parametrize("inherited", INHERITED.values(), ids=INHERITED)
def test_ctrl_c_keeps_what_was_measured_and_leaves_no_process(tiny, tmp_path, inherited):
    folder = tmp_path / "r"
    process = start_run(tiny, folder, inherited)
    wait_for_first_cells(folder, process)
    below = processes_below(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)  # the report is written, on however slow a disk

    assert process.returncode == 130
    hint = next(line for line in out.splitlines() if line.startswith("interrupted; finish"))
    for word in ("--resume", "--impl slow", "--plugin"):
        assert word in hint
    assert "Traceback" not in out + err
    assert statuses(folder)
    assert (folder / "report.html").exists()
    assert_all_end(below)


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

    measured = len(statuses(tmp_path / "r"))
    assert measured < 80
    # On a busy machine four seconds may be too few for the first cell.
    assert said.code == (0 if measured else 4)
    assert "the budget left no time for" in said.out or "ended before the first" in said.out
    assert f"measure them with: python run_bench.py run {path} --impl unfold" in said.out
    assert "--out r --resume" in said.out


def test_the_parent_process_imports_neither_torch_nor_an_implementation(tiny, tmp_path):
    code = (
        "import sys, run_bench\n"
        f"code = run_bench.main(['run', {str(tiny)!r}, '--impl', 'torch', '--out', 'r',"
        " '--blocks', '2'])\n"
        "assert code == 0, code\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'torch', 'impls', 'numba', 'sympy'}, loaded\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_two_runs_are_compared_cell_by_cell(command, tiny):
    for name in ("a", "b"):
        assert command("run", tiny, "--impl", "torch", "--out", name, *QUICK).code == 0

    said = command("compare", "a", "b", "--out", "difference")

    assert said.code == 0
    assert "compare.html" in said.out
