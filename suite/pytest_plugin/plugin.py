"""pytest-benchmark over ConvGauge's cells: a fixture, a parametrisation, scenario files as tests.

    pytest --benchmark-only scenarios/ci.yaml --convgauge-impl torch

    from convgauge import convolutions

    @convolutions("ci", implementations=["torch", "im2col*"])
    def test_speed(convolution, benchmark):
        benchmark(convolution)

`convolution` is a cell that has passed the gates of `run`: a judge in another process drew the
data and compared with float64. What pytest-benchmark then times runs in pytest's own process, one
after the other, so that --benchmark-compare shows a hint; `gate` gives a verdict.

Every pytest where ConvGauge is installed loads this module, most of them for nothing: it imports
pytest alone, and does nothing until a scenario file or a cell is asked for.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from suite.pytest_plugin.cells import PendingCell

SCENARIOS = re.compile(r"^(grid|layers|layers_from)\s*:", re.MULTILINE)
"""What tells a scenario file from other people's YAML."""


@pytest.fixture(scope="session")
def convgauge_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What implementations print while their cells are gated."""
    return tmp_path_factory.mktemp("convgauge") / "worker.log"


@pytest.fixture(scope="session")
def convgauge_machine(pytestconfig: pytest.Config) -> Iterator[None]:
    """The machine without other measuring runs, from the first cell that is timed to the end."""
    from suite.machine.alone import alone  # noqa: PLC0415 - only where a cell is asked for

    if getattr(pytestconfig.option, "benchmark_disable", True):
        yield
        return
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            print(f"\nConvGauge: {text}", flush=True)

    with alone(say):
        yield


@pytest.fixture
def convolution(request: pytest.FixtureRequest, convgauge_log: Path) -> Iterator[Callable[[], Any]]:
    """A cell that passed its gates, as a function without arguments to give to `benchmark`.

    Parametrise it with `convgauge.convolutions`. A cell that its implementation does not cover is
    skipped; one with wrong results fails and is not timed.
    """
    cell: PendingCell = request.param
    threads = request.config.getoption("--convgauge-threads")
    cell.require_right(threads, convgauge_log)
    if "benchmark" in request.fixturenames:
        request.getfixturevalue("convgauge_machine")
        _describe(request.getfixturevalue("benchmark"), cell)
    with cell.load(threads) as timed:
        yield timed


def _describe(benchmark: Any, cell: PendingCell) -> None:
    """Group by scenario, and say in the saved file what was timed."""
    benchmark.group = cell.scenario.id
    benchmark.extra_info |= {
        "scenario": cell.scenario.id,
        "implementation": cell.arm.name,
        "family": cell.arm.family,
        "direct_flops": cell.scenario.problem.direct_flops,
    }


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let pytest-benchmark before 5.3 find an item's id, which pytest 9.2 keeps elsewhere."""
    ours = {"benchmark", "convolution"} <= {*getattr(item, "fixturenames", ())}
    if ours and not hasattr(item, "_nodeid"):
        item._nodeid = item.nodeid  # type: ignore[attr-defined]


# -- scenario files as tests -----------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("convgauge", "convolutions of ConvGauge's scenario files")
    group.addoption(
        "--convgauge-impl",
        action="append",
        default=[],
        metavar="NAME",
        help="of scenario files given as tests: only these implementations; globs, repeatable",
    )
    group.addoption(
        "--convgauge-plugin",
        action="append",
        default=[],
        metavar="FILE",
        help="a Python file that registers implementations; repeatable",
    )
    group.addoption(
        "--convgauge-threads",
        type=int,
        metavar="N",
        help="threads of every implementation (default: the cores this process may use)",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take a YAML file for a scenario file where it was named on the command line."""
    if file_path.suffix in (".yaml", ".yml") and parent.session.isinitpath(file_path):
        option = parent.config.getoption
        is_asked_for = option("--convgauge-impl") or option("--convgauge-plugin")
        if is_asked_for or SCENARIOS.search(file_path.read_text(errors="replace")):
            return ScenarioTests.from_parent(parent, path=file_path)
    return None


class ScenarioTests(pytest.File):
    """A scenario file: one test a cell."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.cells: list[PendingCell] = []

    def collect(self) -> Iterable[pytest.Collector]:
        from suite.errors import UsageError  # noqa: PLC0415 - only where a cell is asked for
        from suite.pytest_plugin.cells import cells  # noqa: PLC0415

        option: Callable[[str], list[str]] = self.config.getoption
        try:
            self.cells = cells(
                [self.path],
                option("--convgauge-impl"),
                option("--convgauge-plugin"),
                asked_by="--convgauge-impl",
            )
        except UsageError as error:
            raise self.CollectError(str(error)) from None
        # Every cell is an item of one test function; the file is in their ids.
        yield _OneTest.from_parent(self, path=self.path, nodeid=self.nodeid)


class _OneTest(pytest.Module):
    """A module with the one test that runs once for each cell.

    It is no file: pytest would put the folder of a file that it collects first on the path.
    """

    def _getobj(self) -> ModuleType:
        module = ModuleType("convgauge_cells")
        module.__dict__["test_convolution"] = _test_convolution
        return module


def _test_convolution(convolution: Callable[[], Any], benchmark: Callable[..., Any]) -> None:
    benchmark(convolution)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for node in metafunc.definition.listchain():
        if isinstance(node, ScenarioTests):
            ids = [cell.id for cell in node.cells]
            metafunc.parametrize("convolution", node.cells, ids=ids, indirect=True)
