"""What was measured inside networks: for these very problems nothing has to be predicted.

Kept beside the table, one file for each machine, so that `tune`, which writes the table anew from
measurements of its own, takes nothing of it away.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from suite.errors import UsageError
from suite.problem import Problem
from suite.tuning.store import (
    Conditions,
    Trial,
    TuningTable,
    cache_folder,
    fingerprint_of,
    machine_facts,
    read_table,
    write_table,
)

SUFFIX = ".networks"
Trials = Mapping[tuple[Problem, Conditions], Trial]


def recall(problem: Problem, conditions: Conditions, torch_version: str) -> Trial | None:
    """Return what was measured on a problem in a network on this machine, if anything was."""
    return _known(cache_folder(), torch_version).get((problem.as_called(), conditions))


def remember(trials: Sequence[Trial], torch_version: str) -> Path:
    """Add trials, in place of earlier ones of the same problems; return where they are kept.

    Raises:
        UsageError: the folder cannot be written.
    """
    folder, facts = cache_folder(), machine_facts(torch_version)
    path = _path(folder, torch_version)
    known = dict(_known(folder, torch_version))
    known |= {(trial.problem, trial.conditions): trial for trial in trials}
    made_at = datetime.now().astimezone().isoformat(timespec="minutes")
    write_table(TuningTable(fingerprint_of(facts), facts, made_at, tuple(known.values()), {}), path)
    _known.cache_clear()
    return path


def _path(folder: Path, torch_version: str) -> Path:
    return folder / f"{fingerprint_of(machine_facts(torch_version))}{SUFFIX}"


@functools.lru_cache(maxsize=8)
def _known(folder: Path, torch_version: str) -> Trials:
    """Return what is kept there; nothing of a damaged file, which the next one replaces."""
    if not folder.is_dir() or not any(folder.glob(f"*{SUFFIX}")):
        return {}  # asking for the machine's facts takes a second on some systems
    path = _path(folder, torch_version)
    try:
        table = read_table(path)
    except UsageError:
        return {}
    if table.fingerprint != path.stem:
        return {}
    return {(trial.problem, trial.conditions): trial for trial in table.trials}
