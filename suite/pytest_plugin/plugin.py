"""pytest-benchmark over ConvGauge's cells: a fixture, a parametrisation, scenario files as tests.

    pytest --benchmark-only scenarios/ci.yaml --convgauge-impl torch

    @convolutions("ci", implementations=["torch", "im2col*"])
    def test_speed(convolution, benchmark):
        benchmark(convolution)

`convolution` is a cell that has passed the gates of `run`: a judge in another process drew the
data and compared with float64. What pytest-benchmark then times runs in pytest's own process, one
after the other, so that --benchmark-compare shows a hint; `gate` gives a verdict.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from suite.errors import UsageError
from suite.input_kinds import RUN_KINDS
from suite.measuring import new_run, selection
from suite.measuring.arm import Arm
from suite.measuring.check import check
from suite.measuring.settings import Settings
from suite.problem import Scenario
from suite.registry.catalogue import Catalogue, read_catalogue
from suite.results.cell import Status
from suite.scenario import ScenarioFile, load_files

CELLS_MODULE = Path(__file__).with_name("cells.py")


@dataclass(frozen=True)
class PendingCell:
    """One scenario × one implementation, not yet loaded."""

    scenario: Scenario
    arm: Arm
    plugins: tuple[Path, ...]

    @property
    def id(self) -> str:
        return f"{self.scenario.id}-{self.arm.name}"


def cells(
    files: Iterable[str | Path],
    implementations: Sequence[str] = (),
    plugins: Iterable[str | Path] = (),
) -> list[PendingCell]:
    """Return the cells of scenario files, implementation by implementation within a scenario.

    Args:
        files: paths, or names of shipped files.
        implementations: names or globs; empty: what the files name, or else everything.
        plugins: Python files that register implementations.

    Raises:
        UsageError: no such file, implementation or plug-in, or a fault in one of them.
    """
    return _cells(files, implementations, plugins, asked_by="implementations")


def _cells(
    files: Iterable[str | Path],
    implementations: Sequence[str],
    plugins: Iterable[str | Path],
    *,
    asked_by: str,
) -> list[PendingCell]:
    loaded = load_files(files)
    paths = tuple(Path(plugin).resolve() for plugin in plugins)
    with tempfile.TemporaryDirectory(prefix="convgauge-") as scratch:
        catalogue = read_catalogue(new_run.TREE, paths, Path(scratch) / "log")
    patterns = _patterns(loaded, catalogue, implementations, paths)
    arms = selection.chosen_arms(catalogue, patterns, asked_by=asked_by)
    scenarios = [scenario for file in loaded for scenario in file.scenarios]
    return [PendingCell(scenario, arm, paths) for scenario in scenarios for arm in arms]


def _patterns(
    files: Sequence[ScenarioFile],
    catalogue: Catalogue,
    implementations: Sequence[str],
    plugins: Sequence[Path],
) -> list[str]:
    patterns = list(implementations)
    if not patterns and all(file.implementations for file in files):
        own = {str(path) for path in plugins}
        patterns = [name for file in files for name in file.implementations]
        patterns += [entry.name for entry in catalogue.entries if entry.file in own]
    return patterns


def convolutions(
    *files: str | Path, implementations: Sequence[str] = (), plugins: Iterable[str | Path] = ()
) -> pytest.MarkDecorator:
    """Parametrise a test's `convolution` with the cells of scenario files; see `cells`."""
    found = cells(files, implementations, plugins)
    return pytest.mark.parametrize(
        "convolution", found, ids=[cell.id for cell in found], indirect=True
    )


class _Gates:
    """Runs the gates of cells; one scratch folder for the session."""

    def __init__(self, folder: Path, threads: int | None) -> None:
        self.threads = selection.chosen_threads(threads)
        self._settings = Settings(threads=self.threads, log=folder / "worker.log")

    def require_right(self, cell: PendingCell) -> None:
        """Skip the test of an unsupported cell, fail that of a wrong one."""
        found = next(check([cell.scenario], [cell.arm], self._settings, RUN_KINDS))
        if found.status is Status.UNSUPPORTED:
            pytest.skip(found.reason)
        if found.status is not Status.PASSED:
            pytest.fail(f"{cell.id}: {found.status.value}: {found.reason}", pytrace=False)


@pytest.fixture(scope="session")
def convgauge_gates(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> _Gates:
    """The correctness gates that `convolution` runs before it hands out a cell."""
    threads = request.config.getoption("--convgauge-threads")
    return _Gates(tmp_path_factory.mktemp("convgauge"), threads)


@pytest.fixture
def convolution(
    request: pytest.FixtureRequest, convgauge_gates: _Gates
) -> Iterator[Callable[[], Any]]:
    """A cell that passed its gates, as a function without arguments to give to `benchmark`.

    Parametrise it with `convolutions`. A cell that its implementation does not cover is skipped;
    one with wrong results fails and is not timed.
    """
    cell: PendingCell = request.param
    convgauge_gates.require_right(cell)
    if "benchmark" in request.fixturenames:
        _describe(request.getfixturevalue("benchmark"), cell)
    # By name, as parents reach what computes everywhere, though here it is this process that does.
    timed_cell = import_module("suite.pytest_plugin.child.timed_cell")
    threads = convgauge_gates.threads
    with timed_cell.TimedConvolution(cell.scenario, cell.arm, threads) as timed:
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
    if "benchmark" in getattr(item, "fixturenames", ()) and not hasattr(item, "_nodeid"):
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
        return ScenarioTests.from_parent(parent, path=file_path)
    return None


class ScenarioTests(pytest.File):
    """A scenario file: one test a cell."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.cells: list[PendingCell] = []

    def collect(self) -> Iterable[pytest.Collector]:
        option: Callable[[str], list[str]] = self.config.getoption
        try:
            self.cells = _cells(
                [self.path],
                option("--convgauge-impl"),
                option("--convgauge-plugin"),
                asked_by="--convgauge-impl",
            )
        except UsageError as error:
            raise self.CollectError(str(error)) from None
        # Every cell is an item of one test function; the file is in their ids.
        yield pytest.Module.from_parent(self, path=CELLS_MODULE, nodeid=self.nodeid)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for node in metafunc.definition.listchain():
        if isinstance(node, ScenarioTests):
            ids = [cell.id for cell in node.cells]
            metafunc.parametrize("convolution", node.cells, ids=ids, indirect=True)
