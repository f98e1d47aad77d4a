"""The cells that a test session times: chosen from scenario files, gated, loaded.

This is what `suite.pytest_plugin.plugin` imports once a test asks for a cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from suite import own_imports
from suite.conditions import Scenario
from suite.input_kinds import run_kinds
from suite.measuring import new_run, selection
from suite.measuring.arm import Arm
from suite.measuring.check import check
from suite.measuring.settings import Settings
from suite.printable import printable
from suite.processes.scratch import scratch_folder
from suite.registry.catalogue import Catalogue, read_catalogue
from suite.results.cell import Status
from suite.scenario import ScenarioFile, load_files


@dataclass(frozen=True)
class PendingCell:
    """One scenario × one implementation, not yet loaded."""

    scenario: Scenario
    arm: Arm
    plugins: tuple[Path, ...]

    @property
    def id(self) -> str:
        return f"{self.scenario.id}-{self.arm.name}"

    def require_right(self, threads: int | None, log: Path) -> None:
        """Skip the test of an unsupported cell, fail that of a wrong one.

        Args:
            threads: of the implementation; None: the cores this process may use.
            log: a file for what it prints.
        """
        settings = Settings(threads=selection.chosen_threads(threads), log=log)
        result = next(check([self.scenario], [self.arm], settings, run_kinds(self.scenario)), None)
        if result is None:
            pytest.skip(f"computes {' and '.join(self.arm.declared.kinds)} only")
        if result.status is Status.UNSUPPORTED:
            pytest.skip(printable(result.reason))
        if result.status is not Status.PASSED:
            message = printable(f"{self.id}: {result.status.value}: {result.reason}")
            pytest.fail(message, pytrace=False)

    def load(self, threads: int | None) -> Any:
        """Return it as a function without arguments, loaded into this process, and a context.

        By name, as parents reach what computes everywhere, though here it is this process that
        does.
        """
        timed_cell = own_imports.import_own("suite.pytest_plugin.child.timed_cell")
        threads = selection.chosen_threads(threads)
        return timed_cell.TimedConvolution(self.scenario, self.arm, threads)


def cells(
    files: Iterable[str | Path],
    implementations: Sequence[str] = (),
    plugins: Iterable[str | Path] = (),
    *,
    asked_by: str = "implementations",
) -> list[PendingCell]:
    """Return the cells of scenario files, implementation by implementation within a scenario.

    Args:
        files: paths, or names of shipped files.
        implementations: names or globs; empty: what the files name, or else everything.
        plugins: Python files that register implementations.
        asked_by: what the user calls `implementations`, for the message.

    Raises:
        UsageError: no such file, implementation or plug-in, or a fault in one of them.
    """
    loaded = load_files(files)
    paths = tuple(Path(plugin).resolve() for plugin in plugins)
    with scratch_folder() as scratch:
        catalogue = read_catalogue(new_run.TREE, paths, scratch / "log")
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
    """Parametrise a test's `convolution` with the cells of scenario files.

    Args:
        files: paths, or names of shipped files.
        implementations: names or globs; empty: what the files name, or else everything.
        plugins: Python files that register implementations.

    Raises:
        UsageError: no such file, implementation or plug-in, or a fault in one of them.
    """
    pending = cells(files, implementations, plugins)
    return pytest.mark.parametrize(
        "convolution", pending, ids=[cell.id for cell in pending], indirect=True
    )
