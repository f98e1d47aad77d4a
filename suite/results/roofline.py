"""What bounds a cell: its operations, its bytes, or what every call costs.

The roofline (S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance
model for multicore architectures", 2009) with the ceilings of the same run, and a third limit for
calls too short to reach either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from suite.results.cell import CellResult
from suite.results.profile import CellProfile
from suite.results.summary import summarise

CACHED_BYTES = 2**20
"""A working set up to here is taken to move at the caches' rate: a core's own L2."""
WELL_EXPLAINED = 0.5
REFUTED = 1.1
"""A limit that would take so much longer than the call did is none: its estimate does not hold for
this cell. Below, noise alone makes a share of more than one."""
UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Roofline:
    """Where a cell stands under the machine's ceilings."""

    by: str
    """"compute", "memory" or "overhead": the limit that explains most of the time; "unknown" where
    no estimate of one holds."""
    sentence: str
    intensity: float | None
    """Executed operations per byte moved."""
    flops_per_s: float | None
    """Executed operations a second."""
    roof_flops_per_s: float | None
    """What the ceilings allow at this intensity."""
    shares: dict[str, float]
    """Limit → the time that it would take alone, over the call's, 1 at most; without the limits
    that the call's own time refutes."""

    @property
    def roof_share(self) -> float | None:
        if self.flops_per_s is None or not self.roof_flops_per_s:
            return None
        return self.flops_per_s / self.roof_flops_per_s


@dataclass(frozen=True)
class _Limit:
    """What a call cannot be faster than, by one estimate."""

    seconds: float
    what: str


def roofline_of(result: CellResult, profile: CellProfile) -> Roofline | None:
    """Return what bounds a passed cell; None where operators or ceilings are not known."""
    summary, operators, ceiling = summarise(result), profile.operators, result.ceiling
    if summary is None or operators is None or ceiling is None:
        return None
    time_s, counts = summary.time_s.value, operators.counts
    working_set = result.scenario.least_bytes + (result.workspace_bytes or 0)
    in_cache = working_set <= CACHED_BYTES
    rate = ceiling.cache_bytes_per_s if in_cache else ceiling.memory_bytes_per_s
    flops = counts.executed_flops
    alone = profile.one_thread_of
    peak = ceiling.peak_flops_per_s / (alone or 1)
    on_one = f", one thread's part of {alone}" if alone else ""
    limits = {
        "compute": _Limit(
            0.0 if flops is None else flops / peak,
            f"{(flops or 0) / 1e9:.3g} GFLOP at {peak / 1e9:.3g} GFLOP/s{on_one}",
        ),
        "memory": _Limit(
            counts.moved_bytes / rate,
            f"{counts.moved_bytes / 1e6:.3g} MB at {rate / 1e9:.3g} GB/s "
            f"({'in cache' if in_cache else 'from memory'})",
        ),
        "overhead": _Limit(
            operators.overhead_s or 0.0,
            f"what a call costs whatever its size, {operators.operators:.0f} operators",
        ),
    }
    shares = {
        name: min(limit.seconds / time_s, 1.0)
        for name, limit in limits.items()
        if limit.seconds <= REFUTED * time_s
    }
    sentences = [_bound(limits, shares, time_s)]
    if alone:
        sentences.append(f"it runs on one thread of {alone}")
    refuted = [name for name in limits if name not in shares]
    if refuted:
        sentences.append(
            f"the {' and the '.join(refuted)} estimate does not hold here: the call is faster"
        )
    intensity = None if flops is None or not counts.moved_bytes else flops / counts.moved_bytes
    return Roofline(
        by=max(shares, key=shares.__getitem__, default=UNKNOWN),
        sentence=f"{'; '.join(sentences)}.",
        intensity=intensity,
        flops_per_s=None if flops is None else flops / time_s,
        roof_flops_per_s=None if intensity is None else min(peak, intensity * rate),
        shares=shares,
    )


def _bound(limits: Mapping[str, _Limit], shares: Mapping[str, float], time_s: float) -> str:
    """Return which limit explains most of the time, without a full stop."""
    if not shares:
        return "What bounds it is not known"
    by = max(shares, key=shares.__getitem__)
    others = ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if name != by)
    is_explained = shares[by] >= WELL_EXPLAINED
    lead = "Bound by" if is_explained else "Nearest to being bound by"
    least_s = min(limits[by].seconds, time_s)
    return (
        f"{lead} {by}: {limits[by].what} takes {least_s * 1e3:.3g} ms of the call's "
        f"{time_s * 1e3:.3g} ms ({shares[by]:.0%}{'; ' if others else ''}{others})"
        f"{'' if is_explained else '; no limit of the machine explains the rest'}"
    )
