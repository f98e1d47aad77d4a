"""A stored run as the base: its facts always count, its times where they may be compared.

The two runs were not interleaved, so what differs between sittings (temperature, neighbours,
where memory lies) is in every ratio. The reference implementation is the same code in both runs:
how far its cells moved shows how much that is, and it enters every interval.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from suite.errors import NotComparable
from suite.gate.facts import Facts, findings
from suite.gate.outcome import GateCell, GateOutcome
from suite.gate.rule import Rule
from suite.gate.verdict import Stage, TimeVerdict, Verdict
from suite.results.archive import read_archive
from suite.results.cell import CellResult, Status
from suite.results.comparable import comparability, conditions, why_other_work
from suite.results.drift import drift_of_model
from suite.results.folder import MANIFEST, Run, read_run
from suite.results.summary import log_times
from suite.stats.false_discovery import adjusted_p
from suite.stats.intervals import LEAST_BLOCKS
from suite.stats.null_cells import NullCell
from suite.stats.paired import Difference
from suite.stats.separate_runs import BETWEEN_SITTINGS, change, moved
from suite.workload import network_of


def open_baseline(path: Path) -> Run:
    """Return the stored run in a folder, in a zip of one, or beside a file of one.

    Raises:
        NotComparable: there is none at `path`.
        UsageError: one that another version wrote, or a damaged one.
    """
    if not path.exists():
        raise NotComparable(f"{path}: not there; store a run first and give its folder")
    if path.suffix.lower() == ".zip" and path.is_file():
        return read_archive(path)
    folder = path if path.is_dir() else path.parent
    if not (folder / MANIFEST).is_file():
        raise NotComparable(
            f"{path}: no {MANIFEST} in {folder}; give the folder that `run` or `gate` "
            "wrote, or a zip of it"
        )
    return read_run([folder])


def compare(
    base: Run,
    head: Run,
    *,
    rule: Rule,
    accept: Collection[str],
    wanted: Collection[str],
    reproduce: Mapping[str, str],
    notes: Sequence[str] = (),
    interrupted: bool = False,
    wall_s: float = 0.0,
) -> GateOutcome:
    """Hold a new run against a stored one.

    Args:
        wanted: implementations that were asked for; stored cells of others are left out.
        reproduce: cell → command.
    """
    stored = {cell.key: cell for cell in base.results if cell.implementation in wanted}
    fresh = {cell.key: cell for cell in head.results}
    renamed = _renamed(stored, fresh)
    pairs = {key: (stored[key], fresh[key]) for key in fresh if key in stored}
    pairs |= {new: (stored[old], fresh[new]) for old, new in renamed}
    changed = {key: why for key, (old, new) in pairs.items() if (why := why_other_work(old, new))}
    times = comparability(base, head)
    drift = drift_of_model(base, head, assumed=math.sqrt(BETWEEN_SITTINGS.variance))
    controls = _controls(pairs, changed) if drift.is_seen else {}
    verdicts = {} if times.mismatches else _verdicts(pairs, changed, rule, controls)
    cells = []
    for key, (old, new) in pairs.items():
        if key in changed:
            continue
        all_findings = findings(_facts(old), _facts(new), new.scenario.dtype)
        cells.append(
            GateCell(
                scenario=new.scenario.id,
                implementation=new.implementation,
                base=_facts(old),
                head=_facts(new),
                findings=tuple(f for f in all_findings if f.check not in accept),
                accepted=tuple(f for f in all_findings if f.check in accept),
                time=verdicts.get(key),
                reproduce=reproduce.get(key, ""),
            )
        )
    old_names, new_names = {old for old, _ in renamed}, {new for _, new in renamed}
    return GateOutcome(
        base=_name(base),
        head=_name(head),
        cells=tuple(cells),
        margin=rule.margin,
        missing=(
            *(key for key in stored if key not in fresh and key not in old_names),
            *(f"{key} ({why})" for key, why in changed.items()),
        ),
        new=tuple(key for key in fresh if key not in stored and key not in new_names),
        renamed=tuple(renamed),
        notes=(*notes, *filter(None, [times.assumed, drift.note])),
        timing_advisory=times.why_not
        and f"the baseline is from another machine or setting: {times.why_not}",
        interrupted=interrupted,
        wall_s=wall_s,
        missing_accepted="missing" in accept,
        times_accepted="times" in accept,
    )


def _renamed(
    stored: Mapping[str, CellResult], fresh: Mapping[str, CellResult]
) -> list[tuple[str, str]]:
    """Return cells of the same problem and implementation under another scenario id."""
    gone = {
        (conditions(cell), cell.threads, cell.implementation): key
        for key, cell in stored.items()
        if key not in fresh
    }
    work = {
        key: (conditions(cell), cell.threads, cell.implementation)
        for key, cell in fresh.items()
        if key not in stored
    }
    return [(gone[what], key) for key, what in work.items() if what in gone]


def _facts(cell: CellResult) -> Facts:
    residuals, network = cell.residuals, network_of(cell.scenario)
    return Facts(
        status=cell.status,
        reason=cell.reason,
        rel_l2_error=residuals.rel_l2_error if residuals else None,
        worst_error_ratio=residuals.worst_error_ratio if residuals else None,
        peak_bytes=cell.peak_bytes,
        most_peak_bytes=cell.peak_bytes,
        operators=cell.operators,
        vendor=cell.vendor,
        outputs=network.output_elements if network else None,
        sketch=network.sketch if network else None,
    )


def _name(run: Run) -> str:
    manifest = run.manifest
    parts = (manifest.get("name"), (manifest.get("git_revision") or "")[:10])
    return " ".join(filter(None, parts)) or str(run.folder)


Pairs = Mapping[str, tuple[CellResult, CellResult]]
Logs = dict[str, tuple[list[float], list[float]]]


def _comparable_logs(pairs: Pairs, changed: Collection[str]) -> tuple[Logs, Collection[str]]:
    """Return the blocks' times of both runs, and the cells that others disturbed."""
    logs = {
        key: (log_times(old), log_times(new))
        for key, (old, new) in pairs.items()
        if key not in changed and old.status is new.status is Status.PASSED
    }
    return logs, {key for key in logs if any(cell.is_disturbed for cell in pairs[key])}


def _usable(logs: Logs, disturbed: Collection[str]) -> Logs:
    return {
        key: both
        for key, both in logs.items()
        if key not in disturbed and min(map(len, both)) >= LEAST_BLOCKS
    }


def _controls(pairs: Pairs, changed: Collection[str]) -> dict[str, NullCell]:
    """Return the reference's cells: the same code in both runs."""
    return {
        key: moved(*both)
        for key, both in _usable(*_comparable_logs(pairs, changed)).items()
        if pairs[key][1].implementation == pairs[key][1].reference
    }


def _verdicts(
    pairs: Pairs, changed: Collection[str], rule: Rule, controls: Mapping[str, NullCell]
) -> dict[str, TimeVerdict]:
    logs, disturbed = _comparable_logs(pairs, changed)
    usable = _usable(logs, disturbed)

    def nulls(key: str) -> list[NullCell]:
        # A model's reference is looked at as well: what it moved by is no excuse for itself.
        is_network = network_of(pairs[key][1].scenario) is not None
        return [null for name, null in controls.items() if name != key or not is_network]

    differences = {key: change(*both, nulls(key)) for key, both in usable.items()}
    limits = {key: rule.limit(math.exp(statistics.fmean(old))) for key, (old, _) in usable.items()}
    p = {key: difference.p_above(limits[key]) for key, difference in differences.items()}
    adjusted = adjusted_p(p, family=len(p))
    verdicts = {
        key: TimeVerdict(
            verdict=Verdict.CANNOT_TELL,
            stage=Stage.SCREEN,
            why="others took the cores in every block of a side"
            if key in disturbed
            else f"fewer than {LEAST_BLOCKS} blocks on a side",
            disturbed=min(map(len, logs[key])) if key in disturbed else 0,
        )
        for key in logs
    }
    for key, difference in differences.items():
        verdicts[key] = _verdict(usable[key], difference, limits[key], adjusted[key], rule, len(p))
    return verdicts


def _verdict(
    logs: tuple[Sequence[float], Sequence[float]],
    moved_by: Difference,
    limit: float,
    adjusted: float,
    rule: Rule,
    family: int,
) -> TimeVerdict:
    high = moved_by.above(1 - rule.level)
    if high < limit:
        verdict = Verdict.FINE
    else:
        verdict = Verdict.REGRESSED if adjusted <= rule.level else Verdict.CANNOT_TELL
    return TimeVerdict(
        verdict=verdict,
        stage=Stage.SCREEN,
        why="two separate runs: the interval reaches to both sides of the margin"
        if verdict is Verdict.CANNOT_TELL
        else "",
        blocks=min(map(len, logs)),
        base_s=math.exp(statistics.fmean(logs[0])),
        head_s=math.exp(statistics.fmean(logs[1])),
        ratio=math.exp(moved_by.mean),
        ratio_low=math.exp(moved_by.below(1 - rule.level)),
        ratio_high=math.exp(high),
        margin=math.expm1(limit),
        adjusted_p=adjusted,
        smallest_visible=math.expm1(
            moved_by.visible_beyond(limit, rule.level / family, rule.power)
        ),
        improved=moved_by.above(1 - rule.level / family) < -limit,
    )
