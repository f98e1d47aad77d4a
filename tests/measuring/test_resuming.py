"""`--resume` after a real kill: what was asked survives, what contradicts it is refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

import run_bench
from commands import _folders
from commands import run as run_command
from commands.arguments import build_parser
from suite.measuring.run import Runner, RunOutcome
from suite.results.cell import CellResult
from suite.results.folder import (
    MANIFEST,
    RESULTS,
    read_manifest,
    read_results,
    write_manifest,
)
from suite.results.request import AskedFile, RunRequest, Shard, read_request
from tests.conftest import FAULTY, TINY
from tests.started_runs import start, wait_for_first_cells

FOUR = """\
name: four
defaults: {device: cuda, in_channels: 4, out_channels: 4, kernel_size: 3}
layers:
  - {id: a, input_size: 8}
  - {id: b, input_size: 9}
  - {id: c, input_size: 10}
  - {id: d, input_size: 11}
"""
"""On a device that machines without a GPU lack: nothing runs here unless --device is kept."""


def options_of_run() -> list[str]:
    """Return the options of `run` as its parser has them, "files" among them."""
    parser = build_parser(["run"])
    parser.parse_args(["run"])
    (commands,) = parser._subparsers._group_actions
    actions = commands.choices["run"]._actions
    return [action.option_strings[-1] if action.option_strings else "files" for action in actions]


OF_MODELS = {"--model", "--input", "--dtype", "--train", "--optimize-budget"}
"""A whole network in place of scenario files: tests/model_runs has those that are resumed."""
OPTIONS = [option for option in options_of_run() if option != "--help" and option not in OF_MODELS]


# -- a kill ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Resumed:
    """A run that was killed, and what became of it with `--resume --out` and nothing else."""

    folder: Path
    asked: dict[str, Any]
    """The request in the manifest when the run was killed."""
    before: list[str]
    """What was measured by then."""
    runner: Runner
    """The one that measured the rest."""
    profiled: list[bool]
    """Whether instructions were counted, for each time that profiles were made."""
    outlived: list[psutil.Process]
    """What it had started and was still there when it had been killed."""

    @property
    def results(self) -> list[CellResult]:
        return read_results(self.folder)

    @property
    def request(self) -> RunRequest:
        request = read_request(read_manifest(self.folder))
        assert isinstance(request, RunRequest)
        return request


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    """One kill for all options: each had a value other than its usual one."""
    there = tmp_path_factory.mktemp("there")
    (there / "four.yaml").write_text(FOUR)
    words = (
        "run four.yaml --scenario four/[bcd] --shard 1/2 --impl slow --impl unfold --plugin "
        f"{FAULTY / 'slow.py'} --device cpu --threads 1 --timeout 45 --memory-limit 3 --yes "
        "--budget 500 --blocks 2 --precision 5 --reference unfold --energy --no-verify --profile "
        "--instructions --env here --out killed"
    )
    process = start(words.split(), there)
    folder = there / "killed"
    wait_for_first_cells(folder / RESULTS, process)
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(below, timeout=15)

    asked = read_manifest(folder)["request"]
    before = (folder / RESULTS).read_text().split("\n")[:-1]
    runners: list[Runner] = []
    profiled: list[bool] = []

    class Watched(Runner):
        def run(self) -> RunOutcome:
            runners.append(self)
            return super().run()

    class NoProfiler:
        """Profiles take seconds a cell, and are tested elsewhere."""

        def __init__(self, *_: object, with_instructions: bool, **__: object) -> None:
            profiled.append(with_instructions)

        def run(self, _: object) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        patch.setattr(_folders, "Runner", Watched)
        patch.setattr(run_command, "Profiler", NoProfiler)
        assert run_bench.main(["run", "--resume", "--out", str(folder)]) == 0
    return Resumed(folder, asked, before, runners[0], profiled, alive)


SURVIVES: dict[str, Callable[[Resumed], bool]] = {
    "files": lambda r: [file.given for file in r.request.files] == ["four.yaml"],
    "--scenario": lambda r: [s.id for s in r.runner.scenarios] == ["four/b", "four/d"],
    "--shard": lambda r: {s.scenario.id for s in r.results} == {"four/b", "four/d"},
    "--impl": lambda r: {s.implementation for s in r.results} == {"slow", "unfold"},
    "--plugin": lambda r: "slow" in [arm.name for arm in r.runner.arms],
    "--device": lambda r: {s.scenario.device for s in r.results} == {"cpu"},
    "--threads": lambda r: {s.threads for s in r.results} == {1} and r.runner.settings.threads == 1,
    "--timeout": lambda r: r.runner.settings.timeout_s == 45,
    "--memory-limit": lambda r: r.runner.settings.memory_limit_bytes == 3 * 2**30,
    "--blocks": lambda r: r.runner.settings.blocks == 2 >= max(len(s.blocks) for s in r.results),
    "--precision": lambda r: r.runner.settings.target_half_width == 0.05,
    "--reference": lambda r: {s.reference for s in r.results} == {"unfold"},
    "--energy": lambda r: r.runner.settings.energy,
    "--no-verify": lambda r: not r.runner.settings.verify,
    "--profile": lambda r: len(r.profiled) == 1,
    "--instructions": lambda r: r.profiled == [True],
    "--env": lambda r: r.request.environments == ("here",),
    "--yes": lambda r: r.request.yes,
    # A budget is of one call: what was asked stays known, the rest may take as long as it takes.
    "--budget": lambda r: r.request.budget_s == 500 and r.runner.budget_s is None,
    "--out": lambda r: (r.folder / "report.html").is_file(),
    # They are about how the machine was waited for and what is printed; nothing depends on that.
    "--no-wait": lambda r: "no_wait" not in r.asked,
    "--no-exclusive": lambda r: "no_exclusive" not in r.asked,
    "--verbose": lambda r: "verbose" not in r.asked,
    # This one ran here; tests/fleet has those that are resumed on other machines.
    "--on": lambda r: r.asked["on"] is None,
    "--each": lambda r: r.asked["each"] is False,
    "--split": lambda r: "split" not in r.asked,
    "--resume": lambda r: len(r.before) < len(r.results) == 4,
}
"""Option of `run` → whether it survived. A new option needs a line here."""


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_survives_a_kill_and_resume(resumed, option):
    assert SURVIVES[option](resumed)


def test_resuming_changes_nothing_of_what_was_asked_nor_of_what_was_measured(resumed):
    assert read_manifest(resumed.folder)["request"] == resumed.asked
    lines = (resumed.folder / RESULTS).read_text().split("\n")
    assert lines[: len(resumed.before)] == resumed.before
    assert 0 < len(resumed.before) < len(resumed.results) == len(lines) - 1


def test_a_run_that_is_killed_takes_what_it_has_started_with_it(resumed):
    assert not [p for p in resumed.outlived if p.status() != psutil.STATUS_ZOMBIE]


# -- contradictions --------------------------------------------------------------------------------


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run of which nothing was measured yet, in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    request = RunRequest(
        files=(AskedFile("tiny.yaml", str(path)),),
        scenarios=("tiny/a",),
        implementations=("unfold", "torch"),
        device="cpu",
        threads=1,
        memory_limit_gib=2.0,
        shard=Shard(1, 1),
    )
    manifest = {
        "name": "tiny",
        "machine": {},
        "request": request.to_dict(),
        "settings": {"threads": 1, "log": "r/worker.log"},
        "scenario_files": [{"name": "tiny", "path": "tiny.yaml", "text": TINY}],
        "scenarios": ["tiny/a"],
    }
    write_manifest(tmp_path / "r", manifest)
    return tmp_path / "r"


CONTRADICTIONS = {
    "files": ("quick", "holds a run of other scenarios (1 of them, first tiny/a)"),
    "--scenario": ("--scenario b", "with --scenario tiny/a"),
    "--impl": ("--impl unfold", "with --impl unfold --impl torch"),
    "--plugin": ("--plugin mine.py", "without --plugin"),
    "--device": ("--device cuda", "with --device cpu"),
    "--threads": ("--threads 4", "with --threads 1"),
    "--timeout": ("--timeout 5", "with --timeout 60"),
    "--memory-limit": ("--memory-limit 3", "with --memory-limit 2"),
    "--blocks": ("--blocks 9", "without --blocks"),
    "--precision": ("--precision 1", "with --precision 2"),
    "--reference": ("--reference unfold", "with --reference torch"),
    "--shard": ("--shard 2/2", "with --shard 1/1"),
    "--energy": ("--energy", "without --energy"),
    "--env": ("--env A=1", "without --env"),
    "--no-verify": ("--no-verify", "without --no-verify"),
    "--each": ("--each", "without --each"),
}
OF_ONE_CALL = {
    "--budget",
    "--yes",
    "--profile",
    "--instructions",
    "--out",
    "--resume",
    "--no-wait",
    "--no-exclusive",
    "--verbose",
    "--on",
    "--split",
}


@pytest.mark.parametrize("option", [option for option in OPTIONS if option not in OF_ONE_CALL])
def test_what_contradicts_the_run_is_refused_with_both_named(command, begun, option):
    words, asked = CONTRADICTIONS[option]
    before = (begun / MANIFEST).read_bytes()

    said = command("run", *words.split(), "--out", "r", "--resume")

    assert said.code == 2
    if option != "files":
        assert f"{words} contradicts the run in r, which was asked {asked}; leave it" in said.err
    assert asked in said.err
    assert "choose another --out" in said.err
    assert (begun / MANIFEST).read_bytes() == before


def test_a_file_that_was_changed_since_is_refused_with_its_first_difference(command, begun):
    (begun.parent / "tiny.yaml").write_text(TINY.replace("input_size: 9", "input_size: 10"))

    for words in ([], ["tiny.yaml"]):
        said = command("run", *words, "--out", "r", "--resume")

        assert said.code == 2
        assert "tiny.yaml: changed since the run in r began: line 4 was" in said.err
        assert 'input_size: 10, kernel_size: 3, bias: true}"' in said.err


def test_a_file_that_is_gone_is_named(command, begun):
    (begun.parent / "tiny.yaml").unlink()

    said = command("run", "--out", "r", "--resume")

    assert said.code == 2
    assert "tiny.yaml: the run in r was asked with this file, and it is gone" in said.err


def test_a_gates_folder_is_not_resumed_as_a_run(command, begun):
    manifest = read_manifest(begun)
    write_manifest(begun, {**manifest, "request": {**manifest["request"], "command": "gate"}})

    said = command("run", "--out", "r", "--resume")

    assert said.code == 2
    assert "holds no `run`" in said.err


def test_a_manifest_that_lacks_what_resuming_needs_is_no_traceback(command, begun):
    manifest = read_manifest(begun)
    del manifest["settings"]
    write_manifest(begun, manifest)

    said = command("run", "--out", "r", "--resume")

    assert said.code == 2
    assert "not a run's manifest: no settings in it" in said.err


def test_the_newest_run_of_the_same_files_is_resumed_and_no_gate_of_them(
    tmp_path, monkeypatch, begun
):
    os.renames(begun, tmp_path / "results/20260101-000000-tiny")
    gate = {**read_manifest(tmp_path / "results/20260101-000000-tiny"), "name": "gate-tiny"}
    write_manifest(tmp_path / "results/20260202-000000-gate-tiny", gate)
    from commands import _resuming

    path = AskedFile("tiny.yaml", str(tmp_path / "tiny.yaml"))
    found = _resuming.interrupted({"files": (path,)}, None, "quick")

    assert found.folder == Path("results/20260101-000000-tiny")
