"""What bounds a cell: its operations, its bytes, or what every call costs.

The roofline (S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance
model for multicore architectures", 2009) with the ceilings of the same run, and a third limit for
calls too short to reach either.
"""

from __future__ import annotations

from dataclasses import dataclass

from suite.results.cell import CellResult
from suite.results.profile import CellProfile
from suite.results.summary import summarise

CACHED_BYTES = 2**20
"""A working set up to here is taken to move at the caches' rate: a core's own L2."""
WELL_EXPLAINED = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Roofline:
    """Where a cell stands under the machine's ceilings."""

    by: str
    """"compute", "memory" or "overhead": the limit that explains most of the time."""
    sentence: str
    intensity: float | None
    """Executed operations per byte moved."""
    flops_per_s: float | None
    """Executed operations a second."""
    roof_flops_per_s: float | None
    """What the ceilings allow at this intensity."""
    shares: dict[str, float]
    """Limit → the time that it would take alone, over the call's."""

    @property
    def roof_share(self) -> float | None:
        if self.flops_per_s is None or not self.roof_flops_per_s:
            return None
        return self.flops_per_s / self.roof_flops_per_s


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
    limits_s = {
        "compute": 0.0 if flops is None else flops / ceiling.peak_flops_per_s,
        "memory": counts.moved_bytes / rate,
        "overhead": operators.overhead_s or 0.0,
    }
    by = max(limits_s, key=limits_s.__getitem__)
    limit_texts = {
        "compute": (
            f"{(flops or 0) / 1e9:.3g} GFLOP at {ceiling.peak_flops_per_s / 1e9:.3g} GFLOP/s"
        ),
        "memory": (
            f"{counts.moved_bytes / 1e6:.3g} MB at {rate / 1e9:.3g} GB/s "
            f"({'in cache' if in_cache else 'from memory'})"
        ),
        "overhead": f"what a call costs whatever its size, {operators.operators:.0f} operators",
    }
    shares = {name: seconds / time_s for name, seconds in limits_s.items()}
    others = ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if name != by)
    lead = "Bound by" if shares[by] >= WELL_EXPLAINED else "Nearest to being bound by"
    sentence = (
        f"{lead} {by}: {limit_texts[by]} takes {limits_s[by] * 1e3:.3g} ms of the call's "
        f"{time_s * 1e3:.3g} ms ({shares[by]:.0%}; {others})"
    )
    if shares[by] < WELL_EXPLAINED:
        sentence += "; no limit of the machine explains the rest"
    intensity = None if flops is None or not counts.moved_bytes else flops / counts.moved_bytes
    return Roofline(
        by=by,
        sentence=f"{sentence}.",
        intensity=intensity,
        flops_per_s=None if flops is None else flops / time_s,
        roof_flops_per_s=(
            None if intensity is None else min(ceiling.peak_flops_per_s, intensity * rate)
        ),
        shares=shares,
    )
