"""Shared by all tests: the command line in this process, small scenario files, one engine."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import reports
import run_bench
from suite.conditions import Scenario
from suite.measuring import contention, noise
from suite.measuring.judge_client import JudgeClient
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.problem import Problem
from suite.results.cell import Ceiling
from tests.chromium import browser

__all__ = ["browser"]
"""One for all tests: Playwright can be started once in a process."""

os.environ.setdefault("GOMP_SPINCOUNT", "0")
"""Before torch is imported: threads that spin for milliseconds after their work would take the
core of the other process that shares the tests. What tests start does not get it, see below."""

hypothesis.settings.register_profile("convgauge", deadline=None, max_examples=40)
hypothesis.settings.load_profile("convgauge")
"""No test asserts how long something takes: on a busy machine an example has no deadline."""

ROOT = Path(__file__).resolve().parents[1]
FAULTY = Path(__file__).parent / "faulty"
NOBODY_ELSE = Path(__file__).parent / "nobody_else.py"
"""Runs the command line as `_nobody_else` lets it run here, in a process of its own."""

TINY = """\
name: tiny
layers:
  - {id: a, in_channels: 4, out_channels: 4, input_size: 8, kernel_size: 3, padding: 1}
  - {id: b, in_channels: 4, out_channels: 4, input_size: 9, kernel_size: 3, bias: true}
"""


COMPILING = re.compile(
    r"tests/(impls/|profiling/test_phases\.py|judge/test_(timed_outputs|epilogues)\.py|network/test_every_row\.py)"
)
"""Files whose tests call rows on Numba: what one of them has compiled, the others find."""
OF_THE_SITE = "tests/site/"
"""Files whose tests look at the built site: it takes a minute to build, once in a process."""
LONG = (
    "tests/gate/test_gate.py",
    "tests/reports/test_page_in_browser.py",
    "tests/test_installed.py",
)
"""Files that take a minute or more, each at a stretch."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Share the whole suite between two processes, as Numba compiles on one core.

    Whoever names a file gets one process, in which a debugger works.
    """
    is_one_of_two = hasattr(config, "workerinput")
    whole_suite = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    undecided = config.getoption("numprocesses", 1) is None and not config.option.usepdb
    if whole_suite and undecided and not is_one_of_two:
        config.option.numprocesses = 2
        config.option.dist = "loadfile"
        config.option.loadscopereorder = False
    if config.getoption("numprocesses", None) or is_one_of_two:
        config.option.benchmark_disable = True  # or pytest-benchmark warns that it does so itself


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long at a stretch, so that two processes end at the same time."""

    def turn(item: pytest.Item) -> int:
        file = item.nodeid.partition("::")[0]
        is_long = file in LONG or file.startswith(OF_THE_SITE)
        return 0 if COMPILING.match(file) else 1 if is_long else 2

    items.sort(key=turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep tests together that share what is dear: a run, compiled code, or the site."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if COMPILING.match(nodeid):
                return "compiling"
            return OF_THE_SITE if nodeid.startswith(OF_THE_SITE) else super()._split_scope(nodeid)

    return ByFile(config, log) if config.option.dist == "loadfile" else None


OF_WHO_RUNS_THE_TESTS = re.compile(
    r"FORCE_COLOR|NO_COLOR|TTY_COMPATIBLE|TTY_INTERACTIVE|COLUMNS|LINES"  # the terminal
    r"|(OMP|GOMP|KMP|MKL|MALLOC)_\w+|GLIBC_TUNABLES"  # thread pools and the allocator
    r"|GIT_\w+|CONVGAUGE_\w+|PYTHONWARNINGS"
)
"""Variables by which a person chooses what ConvGauge shows or does; tests state them themselves."""


@pytest.fixture(scope="session", autouse=True)
def _environment_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave out what the one who runs the tests has chosen, the table that `auto` reads too."""
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(OF_WHO_RUNS_THE_TESTS.fullmatch, list(os.environ)):
            patch.delenv(name)
        patch.setenv("CONVGAUGE_TUNING", str(tmp_path_factory.mktemp("tuning")))
        # Processes that share the tests share the machine: nothing depends on its quiet.
        patch.setenv("CONVGAUGE_LOCKS", str(tmp_path_factory.mktemp("locks")))
        # What tests start keeps its compiled sources, as it does at a user's.
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _machine_is_measured_once() -> Iterator[None]:
    """Let the runs in this process share what each measures of the machine for half a second.

    Commands that are started as processes of their own measure all of it.
    """
    ceiling = JudgeClient.ceiling
    known: dict[tuple[object, ...], Ceiling] = {}

    def shared(
        judge: JudgeClient,
        scenario: Scenario,
        threads: int,
        precision: str | None = None,
        *,
        anew: bool = False,
    ) -> Ceiling | None:
        key = (scenario.device, scenario.dtype, threads, precision)
        before = known.get(key)
        if anew or before is None:
            measured = ceiling(judge, scenario, threads, precision, anew=anew)
            if measured is None:
                return before
            known[key] = measured.raised_to(before) if before else measured
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JudgeClient, "ceiling", shared)
        patch.setattr(noise, "SECONDS", 0.02)
        yield


@pytest.fixture(scope="session", autouse=True)
def _nobody_else() -> Iterator[None]:
    """Take no block for disturbed, whoever else is busy here: it would be measured again.

    tests/measuring/test_contention.py has the rule itself.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contention, "is_disturbed", lambda *_, **__: False)
        yield


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Done:
    """A command that several tests look at."""

    said: Said
    folder: Path
    """What it was given for --out."""


@pytest.fixture(scope="module")
def done_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Done]:
    """Do a command beside a tiny.yaml, for several tests of a module, with all that it leaves."""

    def do(*words: object) -> Done:
        there = tmp_path_factory.mktemp("done")
        (there / "tiny.yaml").write_text(TINY)
        out, err = StringIO(), StringIO()
        with (
            contextlib.chdir(there),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = run_bench.main([*map(str, words), "--out", "r"])
        return Done(Said(code, out.getvalue(), err.getvalue()), there / "r")

    return do


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Run a ConvGauge command in an empty folder; returns its exit code and what it printed.

    Without plots, which take half as long as all the rest of a small run; `done_once` has them.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reports, "STANDARD", tuple(f for f in reports.STANDARD if f != "plots"))

    def run(*words: object) -> Said:
        capfd.readouterr()
        code = run_bench.main([str(word) for word in words])
        captured = capfd.readouterr()
        return Said(code, captured.out, captured.err)

    return run


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A scenario file with two problems that take microseconds."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def problem() -> Problem:
    return Problem(
        batch_size=2,
        in_channels=4,
        height=9,
        width=8,
        out_channels=6,
        kernel_h=3,
        kernel_w=2,
        pad_top=1,
        pad_bottom=1,
        groups=2,
        bias=True,
    )


@pytest.fixture
def scenario(problem: Problem) -> Scenario:
    return Scenario(id="t/one", problem=problem)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a run as short as can be."""
    return Settings(
        threads=1,
        log=tmp_path / "worker.log",
        blocks=2,
        least_blocks=2,
        block_s=0.01,
        rounds=2,
        timeout_s=20,
    )


@pytest.fixture
def time_spent() -> TimeSpent:
    return TimeSpent()
