"""A stored run as the base: its facts always count, its times on the same machine only.

The two runs were not interleaved, so what differs between sittings (temperature, neighbours,
where memory lies) is in every ratio. The reference implementation is the same code in both runs:
how far its cells moved shows how much that is, and it enters every interval.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.errors import NotComparable, UsageError
from suite.gate.decision import adjusted_p
from suite.gate.facts import Facts, findings
from suite.gate.null_arm import NullCell, bias_variance
from suite.gate.outcome import GateCell, GateOutcome
from suite.gate.rule import Rule
from suite.gate.verdict import Stage, TimeVerdict, Verdict
from suite.machine import host
from suite.results.cell import CellResult, Status
from suite.results.folder import MANIFEST, Run, read_run
from suite.stats.intervals import block_median_s
from suite.stats.paired import Component, Difference, trimmed_mean

BETWEEN_SITTINGS = Component(variance=0.05**2, degrees=4.0)
"""Assumed of two runs on one machine before the reference's cells are looked at."""
LEAST_BLOCKS = 2


def open_baseline(path: Path) -> Run:
    """Return the stored run in a folder, in a zip of one, or beside a file of one.

    Raises:
        NotComparable: there is none at `path`.
        UsageError: one that another version wrote, or a damaged one.
    """
    if not path.exists():
        raise NotComparable(f"{path}: not there; store a run first and give its folder")
    if path.suffix == ".zip":
        return _unpacked(path)
    folder = path if path.is_dir() else path.parent
    if not (folder / MANIFEST).is_file():
        raise NotComparable(
            f"{path}: no {MANIFEST} in {folder}; give the folder that `run` or `gate` "
            "wrote, or a zip of it"
        )
    return read_run([folder])


def _unpacked(path: Path) -> Run:
    with tempfile.TemporaryDirectory(prefix="convgauge-") as scratch:
        try:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(scratch)
        except (zipfile.BadZipFile, OSError) as error:
            raise UsageError(f"{path}: cannot be unpacked: {error}") from error
        found = sorted(Path(scratch).rglob(MANIFEST), key=lambda file: len(file.parts))
        if not found:
            raise NotComparable(f"{path}: no {MANIFEST} in it; zip a run's folder")
        return read_run([found[0].parent])


def why_advisory(base: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    """Return what keeps times of two manifests apart, or an empty text."""
    machines = [manifest.get("machine") or {} for manifest in (base, head)]
    differ = [
        f"{fact} {_short(machines[0].get(fact))} and {_short(machines[1].get(fact))}"
        for fact in host.FINGERPRINT
        if machines[0].get(fact) != machines[1].get(fact)
    ]
    settings = [manifest.get("environment") or {} for manifest in (base, head)]
    differ += [
        f"{name} {settings[0].get(name)} and {settings[1].get(name)}"
        for name in sorted(settings[0].keys() | settings[1].keys())
        if settings[0].get(name) != settings[1].get(name)
    ]
    return f"the baseline is from another machine or setting: {'; '.join(differ)}" if differ else ""


def _short(fact: object) -> str:
    text = str(fact)
    return text if len(text) <= 60 else f"{text[:57]}..."


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
    changed = [key for key, (old, new) in pairs.items() if _conditions(old) != _conditions(new)]
    advisory = why_advisory(base.manifest, head.manifest)
    verdicts = {} if advisory else _verdicts(pairs, set(changed), rule)
    cells = []
    for key, (old, new) in pairs.items():
        if key in changed:
            continue
        found = findings(_facts(old), _facts(new), new.scenario.dtype)
        cells.append(
            GateCell(
                scenario=new.scenario.id,
                implementation=new.implementation,
                base=_facts(old),
                head=_facts(new),
                findings=tuple(f for f in found if f.check not in accept),
                accepted=tuple(f for f in found if f.check in accept),
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
            *(f"{key} (another problem or setting under the same name)" for key in changed),
        ),
        new=tuple(key for key in fresh if key not in stored and key not in new_names),
        renamed=tuple(renamed),
        notes=tuple(notes),
        timing_advisory=advisory,
        interrupted=interrupted,
        wall_s=wall_s,
        missing_accepted="missing" in accept,
    )


def _renamed(
    stored: Mapping[str, CellResult], fresh: Mapping[str, CellResult]
) -> list[tuple[str, str]]:
    """Return cells of the same problem and implementation under another scenario id."""
    gone = {
        (_conditions(cell), cell.implementation): key
        for key, cell in stored.items()
        if key not in fresh
    }
    return [
        (gone[place], key)
        for key, cell in fresh.items()
        if key not in stored and (place := (_conditions(cell), cell.implementation)) in gone
    ]


def _conditions(cell: CellResult) -> str:
    """Return what the scenario is, without what it is called."""
    record = cell.scenario.to_dict()
    for name in ("id", "source", "occurrences"):
        record.pop(name)
    return json.dumps({**record, "threads": cell.threads}, sort_keys=True)


def _facts(cell: CellResult) -> Facts:
    residuals = cell.residuals
    return Facts(
        status=cell.status,
        reason=cell.reason,
        rel_l2_error=residuals.rel_l2_error if residuals else None,
        worst_error_ratio=residuals.worst_error_ratio if residuals else None,
        peak_bytes=cell.peak_bytes,
        most_peak_bytes=cell.peak_bytes,
        operators=cell.operators,
        vendor=cell.vendor,
    )


def _name(run: Run) -> str:
    manifest = run.manifest
    parts = (manifest.get("name"), (manifest.get("git_revision") or "")[:10])
    return " ".join(filter(None, parts)) or str(run.folder)


def _verdicts(
    pairs: Mapping[str, tuple[CellResult, CellResult]], changed: Collection[str], rule: Rule
) -> dict[str, TimeVerdict]:
    logs = {
        key: (_logs(old), _logs(new))
        for key, (old, new) in pairs.items()
        if key not in changed and old.status is new.status is Status.PASSED
    }
    usable = {k: v for k, v in logs.items() if min(map(len, v)) >= LEAST_BLOCKS}
    nulls = [
        _null(*usable[key])
        for key, (_, new) in pairs.items()
        if key in usable and new.implementation == new.reference
    ]
    found = {key: _difference(*both, nulls) for key, both in usable.items()}
    limits = {key: rule.limit(math.exp(statistics.fmean(old))) for key, (old, _) in usable.items()}
    p = {key: difference.p_above(limits[key]) for key, difference in found.items()}
    adjusted = adjusted_p(p, family=len(p))
    short = TimeVerdict(
        verdict=Verdict.CANNOT_TELL, stage=Stage.SCREEN, why="fewer than two blocks on a side"
    )
    verdicts = dict.fromkeys(logs, short)
    for key, difference in found.items():
        verdicts[key] = _verdict(usable[key], difference, limits[key], adjusted[key], rule, len(p))
    return verdicts


def _logs(cell: CellResult) -> list[float]:
    return [math.log(block_median_s(block.samples_s)) for block in cell.blocks]


def _null(old: Sequence[float], new: Sequence[float]) -> NullCell:
    mean, variance, _ = _shift(old, new)
    return NullCell(base_s=math.exp(statistics.fmean(old)), mean=mean, variance=variance)


def _shift(old: Sequence[float], new: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean log-ratio of unpaired blocks, its variance, and degrees (Welch, 1947)."""
    (before, a), (after, b) = trimmed_mean(old), trimmed_mean(new)
    variance = a.variance + b.variance
    parts = a.variance**2 / a.degrees + b.variance**2 / b.degrees
    return after - before, variance, variance**2 / parts if parts else a.degrees + b.degrees


def _difference(
    old: Sequence[float], new: Sequence[float], nulls: Sequence[NullCell]
) -> Difference:
    mean, own, degrees = _shift(old, new)
    bias = bias_variance(nulls, math.exp(statistics.fmean(old)), BETWEEN_SITTINGS)
    variance = own + bias.variance
    if variance <= 0:
        return Difference(mean=mean, error=1e-9, degrees=degrees)
    parts = own**2 / degrees + bias.variance**2 / bias.degrees
    return Difference(mean=mean, error=math.sqrt(variance), degrees=variance**2 / parts)


def _verdict(
    logs: tuple[Sequence[float], Sequence[float]],
    found: Difference,
    limit: float,
    adjusted: float,
    rule: Rule,
    family: int,
) -> TimeVerdict:
    high = found.above(1 - rule.level)
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
        ratio=math.exp(found.mean),
        ratio_low=math.exp(found.below(1 - rule.level)),
        ratio_high=math.exp(high),
        margin=math.expm1(limit),
        adjusted_p=adjusted,
        smallest_visible=math.expm1(found.visible_beyond(limit, rule.level / family, rule.power)),
        improved=found.above(1 - rule.level / family) < -limit,
    )


def implementations(run: Run) -> list[str]:
    """Return the names that a stored run measured, its reference first."""
    names = dict.fromkeys(cell.implementation for cell in run.results)
    return list(names)
