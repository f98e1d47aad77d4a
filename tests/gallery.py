"""The gallery of tricks and honest twins: what its files say of themselves, and a race of some."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from suite.conditions import Scenario
from suite.measuring.interim import decided
from suite.measuring.judge_client import JudgeClient
from suite.measuring.race import Race
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.results.cell import CellResult
from tests.arms import arm_of_file, builtin

GALLERY = Path(__file__).parent / "cheaters"


def line_of(path: Path, key: str) -> str:
    """Return what a file's docstring says after `key` and a colon."""
    line = re.search(rf"^{key}: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert line, f"{path} has no line '{key}: ...'"
    return line[1]


def require_status(path: Path, result: CellResult) -> None:
    """Refuse a result that is not what its file says it must be."""
    assert result.status in line_of(path, "Must be").split(" or "), result.reason


def race_of(files: Iterable[Path], scenario: Scenario, settings: Settings) -> dict[str, CellResult]:
    """Return the results of plug-in files in one race beside torch."""
    time_spent = TimeSpent()
    judge = JudgeClient(settings, time_spent)
    arms = [builtin("torch", "vendor", "impls.vendor"), *map(arm_of_file, files)]
    try:
        race = Race(scenario, arms, judge, settings, time_spent)
        return {result.implementation: result for result in decided(race.results())}
    finally:
        judge.close()
