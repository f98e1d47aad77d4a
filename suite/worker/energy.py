"""Joules per call: the growth of an energy counter over seconds of calls, less what idling takes.

On a GPU the counter is NVML's, which is renewed about every 100 ms; on a CPU it is RAPL's for all
packages. Power readings would not do: on an A100 or H100 they sample a quarter of the time
(arXiv 2312.02741). The phase between counter and calls is drawn at random.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

LEAST_S = 2.0
IDLE_S = 1.0
RENEWED_S = 0.1
"""How often the slowest of the counters is renewed."""
POWERCAP = Path("/sys/class/powercap")

Counter = Callable[[], float]
"""Returns joules that only grow."""


def joules_per_call(
    call: Callable[[], object],
    counter: Counter,
    *,
    settle: Callable[[], object] = lambda: None,
    now: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[float | None, str | None]:
    """Return joules of one call above idling, or None and the reason.

    Args:
        settle: waits until all work has ended.
    """
    settle()
    sleep(IDLE_S / 2)  # let clocks and caches of the counter come to rest
    before_j, before = counter(), now()
    sleep(IDLE_S)
    idle_w = (counter() - before_j) / (now() - before)
    sleep(random.uniform(0, RENEWED_S))
    before_j, before = counter(), now()
    calls = 0
    while now() - before < LEAST_S:
        call()
        calls += 1
    settle()
    spent_j, took_s = counter() - before_j, now() - before
    above_j = spent_j - idle_w * took_s
    if spent_j <= 0:
        return None, "the energy counter stood still"
    if above_j <= 0:
        return None, f"the calls took no more power than idling ({idle_w:.1f} W)"
    return above_j / calls, None


def rapl_counter(root: Path = POWERCAP) -> Counter:
    """Return a counter over all CPU packages.

    Raises:
        LookupError: this machine has none, or does not let us read it; says what to do.
    """
    packages = [path for path in sorted(root.glob("intel-rapl:*")) if path.name.count(":") == 1]
    if not packages:
        raise LookupError(
            f"no energy counter: {root} holds no intel-rapl package, which virtual machines and "
            "other processors do not have"
        )
    zones = [_Zone(package) for package in packages]
    return lambda: sum(zone.joules() for zone in zones)


class _Zone:
    """One package's counter, which starts again from zero at its range."""

    def __init__(self, folder: Path) -> None:
        self._energy = folder / "energy_uj"
        try:
            self._range_uj = int((folder / "max_energy_range_uj").read_text())
            self._last_uj = int(self._energy.read_text())
        except PermissionError as error:
            raise LookupError(
                f"no energy counter: {self._energy} may not be read; as root: "
                f"chmod a+r {self._energy}"
            ) from error
        except (OSError, ValueError) as error:
            raise LookupError(f"no energy counter: {self._energy}: {error}") from error
        self._total_uj = 0

    def joules(self) -> float:
        now_uj = int(self._energy.read_text())
        self._total_uj += (now_uj - self._last_uj) % (self._range_uj + 1)
        self._last_uj = now_uj
        return self._total_uj * 1e-6
