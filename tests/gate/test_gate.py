"""`gate` from end to end: real repositories, real processes, planted faults."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil
import pytest

import run_bench
from commands.arguments import build_parser
from suite.gate.live_run import LiveRun
from suite.program import COMMAND_LINE, PROGRAM
from suite.results.cell import Status
from suite.results.folder import read_manifest, read_run
from suite.results.request import GateRequest, read_request
from tests.conftest import NOBODY_ELSE, ROOT, TINY
from tests.gate.planting import BODIES, SCENARIOS, commit, git, plugin, repository

QUICK = ("--threads", "1", "--blocks", "4")


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose two commits hold the same sound implementation; the current folder."""
    folder = repository(tmp_path / "repo")
    commit(folder, {"mine.py": plugin(0, ["steady"]), "small.yaml": SCENARIOS}, "base")
    commit(folder, {"README.md": "words"}, "head")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def gate(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run `gate small.yaml ...`; returns the exit code and all that it said."""

    def run(*words: object) -> tuple[int, str]:
        capfd.readouterr()
        code = run_bench.main(["gate", "small.yaml", *map(str, words)])
        captured = capfd.readouterr()
        return code, captured.out + captured.err

    return run


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess, Path]:
    """One gate run over a repository whose head is worse in every way."""
    folder = repository(tmp_path_factory.mktemp("planted") / "repo")
    names = list(BODIES)
    base = {"mine.py": plugin(0, names), "small.yaml": SCENARIOS}
    commit(folder, base, "base")
    (folder / "mine.py").write_text(plugin(1, names))
    command = [sys.executable, str(NOBODY_ELSE), "gate", "small.yaml", "--base", "HEAD"]
    completed = subprocess.run(
        [*command, "--plugin", "mine.py", "--out", "out", "--accept", "missing", *QUICK],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return completed, folder


def cells_of(outcome: tuple[subprocess.CompletedProcess, Path]) -> dict[str, dict]:
    cells = json.loads((outcome[1] / "out/gate.json").read_text(encoding="utf-8"))["cells"]
    return {cell["implementation"]: cell for cell in cells}


@pytest.mark.parametrize(
    ("name", "verdict", "checks"),
    [
        ("slower", "regressed", {"operators"}),
        ("wrong", "wrong", {"correctness"}),
        ("larger", "worse unless slower", {"memory", "operators"}),
        ("busier", "worse unless slower", {"operators"}),
        ("rougher", "worse unless slower", {"accuracy", "operators"}),
        ("narrower", "broken", {"coverage"}),
        ("crashing", "broken", {"correctness"}),
        ("steady", None, set()),
        ("faster", None, set()),
    ],
)
def test_every_planted_fault_is_found_and_nothing_else(outcome, name, verdict, checks):
    cell = cells_of(outcome)[name]
    assert {finding["check"] for finding in cell["findings"]} == checks, outcome[0].stdout
    if verdict == "worse unless slower":
        is_slower = cell["time"]["verdict"] == "regressed"
        assert cell["verdict"] == ("regressed" if is_slower else "worse")
    elif verdict:
        assert cell["verdict"] == verdict
    else:
        assert cell["verdict"] in ("fine", "faster", "cannot tell")


def test_five_times_the_work_is_slower_in_fresh_blocks(outcome):
    slow = cells_of(outcome)["slower"]["time"]
    assert slow["verdict"] == "regressed"
    assert slow["stage"] == "confirm"
    assert slow["ratio"] > 2


def test_wrong_results_decide_the_exit_code_and_every_failure_is_one_line(outcome):
    completed, _ = outcome
    assert completed.returncode == 3
    line = next(line for line in completed.stdout.splitlines() if "small/a × slower:" in line)
    for part in ("→", "×", "[", "margin 5.00 %", "adjusted p", "4 blocks", "smallest visible"):
        assert part in line
    again = f"reproduce: python {ROOT / 'run_bench.py'} gate small.yaml --scenario small/a --impl"
    assert again in line  # the script by its path, as the user stands in another repository
    assert " --base " in line
    assert "Traceback" not in completed.stdout + completed.stderr


@pytest.mark.slow
def test_the_command_printed_for_a_cell_asks_for_all_of_it_again(outcome):
    completed, folder = outcome
    (line,) = [line for line in completed.stdout.splitlines() if "small/a × slower:" in line]
    program, script, *words = shlex.split(line.partition("reproduce: ")[2])
    again = subprocess.run(
        [sys.executable, str(NOBODY_ELSE), *words, "--out", "again"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (program, ROOT / script) == ("python", ROOT / "run_bench.py")
    assert again.returncode == 1, again.stdout + again.stderr
    asked, asked_again = (read_request(read_manifest(folder / name)) for name in ("out", "again"))
    assert isinstance(asked, GateRequest)
    assert asked.base == git(folder, "rev-parse", "HEAD")[:12]
    assert (asked.blocks, asked.threads, asked.accept) == (4, 1, ("missing",))
    assert asked_again == asked.of_cell("small/a", "slower")
    assert f"    {line.partition('reproduce: ')[2]}" in (folder / "out/gate.md").read_text()


def test_messages_name_files_as_the_repository_does(outcome):
    assert "mine.py" in cells_of(outcome)["crashing"]["head"]["reason"]
    assert "convgauge-" not in cells_of(outcome)["crashing"]["head"]["reason"]


def test_the_folder_holds_both_sides_samples_and_every_report(outcome):
    out = outcome[1] / "out"
    head, base = read_run([out]), read_run([out / "base"])
    assert {cell.status for cell in base.results if cell.implementation != "wrong"} <= {
        Status.PASSED,
        Status.TIMEOUT,  # the other side failed before anything was timed
    }
    assert all(len(c.blocks) == 8 for c in head.results if c.implementation == "slower")
    assert head.manifest["verdict"]["state"] == "wrong"
    lines = (out / "blocks.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["stage"] for line in lines] == ["screen"] * 4 + ["confirm"] * 4
    assert "## ConvGauge gate: wrong" in (out / "gate.md").read_text(encoding="utf-8")
    assert "<strong>wrong</strong>" in (out / "gate.html").read_text(encoding="utf-8")
    suites = ET.parse(out / "junit.xml").getroot()
    assert suites.find(".//testcase[@name='slower']/failure") is not None
    assert suites.find(".//testcase[@name='wrong']/failure") is not None


def test_nothing_is_left_of_worktrees(outcome):
    assert len(git(outcome[1], "worktree", "list").splitlines()) == 1


@pytest.mark.slow
def test_equal_revisions_do_not_fail(planted, gate):
    code, said = gate("--base", "HEAD~1", "--plugin", "mine.py", "--out", "out", *QUICK)
    assert code in (0, 4), said
    record = json.loads((planted / "out/gate.json").read_text(encoding="utf-8"))
    assert [cell["findings"] for cell in record["cells"]] == [[]]
    assert record["null_shifts"]


@pytest.mark.slow
def test_an_intended_change_can_be_accepted(planted, gate):
    commit(planted, {"mine.py": plugin(0, ["busier"])})
    (planted / "mine.py").write_text(plugin(1, ["busier"]))
    words = ("--base", "HEAD", "--plugin", "mine.py", "--budget", "1")
    assert gate(*words, "--out", "refused", *QUICK)[0] == 1
    code, said = gate(*words, "--out", "taken", "--accept", "operators", *QUICK)
    assert code == 4  # no time for any block
    assert "accepted: small/a × busier: operator calls" in said


@pytest.fixture(scope="module")
def out_of_time(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    """A gate without time for any block, beside changes that are not committed: code, words, out.

    They would not import.
    """
    folder = repository(tmp_path_factory.mktemp("short") / "repo")
    commit(folder, {"mine.py": plugin(0, ["steady"]), "small.yaml": SCENARIOS}, "base")
    commit(folder, {"README.md": "words"}, "head")
    (folder / "mine.py").write_text("import nothing_of_that_name\n")
    sides = ("--base", "HEAD~1", "--head", "HEAD", "--plugin", "mine.py")
    said = StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        code = run_bench.main(
            ["gate", "small.yaml", *sides, "--out", "../out", "--budget", "1", *QUICK]
        )
    return code, said.getvalue(), folder.parent / "out"


def test_a_budget_that_is_too_small_says_what_it_could_not_decide(out_of_time):
    code, said, out = out_of_time
    assert code == 4
    assert "the budget of 1 s ended the screen after 0 blocks" in said
    assert "cannot tell: small/a × steady" in said
    skipped = ET.parse(out / "junit.xml").getroot().find(".//skipped")
    assert skipped is not None


def test_an_implementation_that_is_gone_is_named_and_not_comparable(planted, gate):
    commit(planted, {"mine.py": plugin(0, ["steady", "busier"])})
    commit(planted, {"mine.py": plugin(0, ["steady", "faster"])})
    words = ("--base", "HEAD~1", "--plugin", "mine.py", "--budget", "1", *QUICK)
    code, said = gate(*words, "--out", "out")
    assert code == 5
    assert "renamed: busier → faster" in said
    code, said = gate(*words, "--out", "one", "--impl", "busier")
    assert code == 5
    assert "no implementation is on both sides; only in base: busier" in said


# -- bad input -----------------------------------------------------------------------------------


def test_it_asks_what_to_compare_with(planted, gate):
    code, said = gate("--plugin", "mine.py")
    assert code == 2
    assert "--base REV" in said
    assert "--baseline DIR" in said


def test_an_unknown_revision_is_bad_input(planted, gate):
    code, said = gate("--base", "nonsense", "--plugin", "mine.py")
    assert code == 2
    assert "--base nonsense: no such revision" in said


def test_a_base_without_the_plugin_is_not_comparable(planted, gate):
    (planted / "new.py").write_text(plugin(0, ["steady"]))
    code, said = gate("--base", "HEAD", "--plugin", "new.py")
    assert code == 5
    assert "neither impls/ nor new.py is in it" in said
    assert "give a --base that has it" in said


def test_a_base_of_zeros_is_not_comparable(planted, gate):
    code, said = gate("--base", "0" * 40, "--plugin", "mine.py")
    assert code == 5
    assert "names no commit" in said


def test_a_folder_without_git_is_bad_input(tmp_path, monkeypatch, gate):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SCENARIOS)
    code, said = gate("--base", "HEAD")
    assert code == 2
    assert "not in a git repository" in said


def test_a_head_that_does_not_import_is_bad_input_with_its_line(planted, gate):
    (planted / "mine.py").write_text("import nothing_of_that_name\n")
    code, said = gate("--base", "HEAD", "--plugin", "mine.py")
    assert code == 2
    assert "head working tree with 1 changed file" in said
    assert "mine.py:1: does not import: ModuleNotFoundError" in said


def test_a_repository_without_implementations_is_bad_input(planted, gate):
    code, said = gate("--base", "HEAD~1")
    assert code == 2
    assert "nothing to measure" in said
    assert "--plugin" in said


def test_a_plugin_outside_the_repository_is_bad_input(planted, tmp_path, gate):
    (tmp_path / "other.py").write_text(plugin(0, ["steady"]))
    code, said = gate("--base", "HEAD", "--repo", ".", "--plugin", tmp_path / "other.py")
    assert code == 2
    assert "outside the repository" in said


def test_an_empty_scenario_file_is_bad_input(planted, gate):
    (planted / "small.yaml").write_text("")
    code, said = gate("--base", "HEAD", "--plugin", "mine.py")
    assert code == 2
    assert "small.yaml" in said


def test_uncommitted_changes_beside_a_named_head_are_mentioned(out_of_time):
    _, said, _ = out_of_time
    assert "1 uncommitted changes" in said
    assert "are not measured" in said


def test_an_editable_install_of_the_repository_does_not_replace_a_revision(
    planted, gate, monkeypatch, interpreters
):
    package = "from helper import scale\n" + plugin(0, ["steady"]).replace(
        "groups)", "groups) * scale"
    )
    commit(planted, {"mine.py": package, "src/helper.py": "scale = 1\n"})
    (planted / "src/helper.py").write_text("scale = 2\n")
    monkeypatch.setenv("PYTHONPATH", str(planted / "src"))
    code, said = gate("--base", "HEAD", "--plugin", "mine.py", "--budget", "1", *QUICK)
    assert code == 3, said
    assert "wrong: small/a × steady" in said


def test_a_gate_interrupted_before_any_block_cannot_tell(gate, planted, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(LiveRun, "_measure", interrupted)
    _, said = gate("--base", "HEAD", "--plugin", "mine.py", "--threads", "1")
    assert "CANNOT TELL: 1 cell compared: 1 that cannot be told" in said
    assert "no block was measured" in said


def test_an_interrupted_gate_leaves_neither_worktrees_nor_processes(planted):
    command = [sys.executable, str(ROOT / "run_bench.py"), "gate", "small.yaml", "--base", "HEAD"]
    with subprocess.Popen(
        [*command, "--plugin", "mine.py", "--out", "out", "--threads", "1"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as running:
        assert running.stdout is not None
        while "screen, block 2" not in (line := running.stdout.readline()):
            assert line, "ended before it could be interrupted"
        children = psutil.Process(running.pid).children(recursive=True)
        assert children
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=60)[0]
    assert running.returncode == 130
    assert "interrupted: judged by what was measured until then" in said
    gone_by = time.monotonic() + 10
    while any(child.is_running() for child in children):
        assert time.monotonic() < gone_by
        time.sleep(0.05)
    assert len(git(planted, "worktree", "list").splitlines()) == 1
    assert (planted / "out/blocks.jsonl").read_text(encoding="utf-8").count("\n") >= 1


# -- a stored run --------------------------------------------------------------------------------


WORDS = ("--threads", "1", "--blocks", "4")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two cells and their reference."""
    folder = tmp_path_factory.mktemp("stored")
    (folder / "tiny.yaml").write_text(TINY)
    words = ("run", folder / "tiny.yaml", "--impl", "unfold", "--out", folder / "run", *WORDS)
    assert run_bench.main([str(word) for word in words]) == 0
    return folder / "run"


def test_a_stored_run_is_measured_again_and_compared(command, stored, tmp_path):
    said = command("gate", "--baseline", stored, "--out", "now", "--accept", "memory", *WORDS)

    record = json.loads((tmp_path / "now/gate.json").read_text(encoding="utf-8"))
    assert {(cell["scenario"], cell["implementation"]) for cell in record["cells"]} == {
        (scenario, name) for scenario in ("tiny/a", "tiny/b") for name in ("torch", "unfold")
    }
    assert record["timing_advisory"] == ""
    # Beside other tests a cell's blocks may be disturbed: it has no ratio then, and says why.
    assert all(cell["time"]["ratio"] or cell["time"]["why"] for cell in record["cells"])
    assert not any(cell["findings"] for cell in record["cells"])
    assert said.code in (0, 1, 4), said.out + said.err
    assert record["exit_code"] == said.code


def test_another_machine_makes_times_advisory_and_facts_still_decide(command, stored, tmp_path):
    other = shutil.copytree(stored, tmp_path / "other")
    manifest = json.loads((other / "manifest.json").read_text(encoding="utf-8"))
    manifest["machine"]["cpu"] = "Another CPU"
    (other / "manifest.json").write_text(json.dumps(manifest))
    said = command("gate", "--baseline", other, "--out", "now", "--accept", "memory", *WORDS)

    assert said.code == 5, said.out + said.err
    assert "times are not comparable: the baseline is from another machine" in said.out
    assert "cpu Another CPU and" in said.out
    assert "4 cells compared in all but time: none worse" in said.out


def test_a_baseline_that_is_not_there_is_not_comparable(command, tiny):
    words = (tiny, "--impl", "unfold", "--threads", "1", "--memory-limit", "2.5", "--blocks", "4")
    said = command("gate", *words, "--baseline", "not here")

    assert said.code == 5
    told = said.err.strip().partition("store a run first, then give its folder: ")[2]
    given = shlex.split(told)[len(PROGRAM) :]
    assert given[0] == "run"
    asked = build_parser(given).parse_args(given)
    assert (asked.files, asked.impl) == ([str(tiny)], ["unfold"])
    assert (asked.threads, asked.memory_limit, asked.blocks) == (1, 2.5, 4)
    assert asked.out == Path("not here")


def test_without_files_the_run_to_store_is_of_what_a_gate_compares(command):
    said = command("gate", "--baseline", "run.zip")

    assert said.code == 5
    assert said.err.strip().endswith(f"{COMMAND_LINE} run ci --precision all --out run")
