"""Joules per call, from a counter that the parent reads around turns whose outputs are judged.

On a GPU the counter is NVML's, which is renewed about every 100 ms; on a CPU it is RAPL's for all
packages. Power readings would not do: on an A100 or H100 they sample a quarter of the time
(arXiv 2312.02741). What the samples of a turn take above idling is spent in their calls and in the
suite's own work between them, and is shared out by time: both keep the machine busy.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from suite.machine.nvml import Card

LEAST_S = 2.0
IDLE_S = 1.0
RENEWED_S = 0.1
"""How often the slowest of the counters is renewed."""
POWERCAP = Path("/sys/class/powercap")

Counter = Callable[[], float]
"""Returns joules that only grow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EnergyUsed:
    joules_per_call: float | None
    reason: str | None
    """Why it is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BusyTime:
    """The samples of one turn."""

    calls: int
    in_calls_s: float
    """As told, and held against the parent's clock."""
    took_s: float
    """By the parent's clock, samples and what lies between them."""
    joules: float


def joules_per_call(
    turn: Callable[[Counter], BusyTime | None],
    counter: Counter,
    *,
    now: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> EnergyUsed | None:
    """Return joules of one call above idling; None after a failure, which is the cell's.

    Args:
        turn: takes a turn and has its outputs judged; the counter is read around its samples.
    """
    sleep(IDLE_S / 2)  # let clocks and caches of the counter come to rest
    before_j, before = counter(), now()
    sleep(IDLE_S)
    idle_w = (counter() - before_j) / (now() - before)
    calls, in_calls_s, took_s, spent_j = 0, 0.0, 0.0, 0.0
    while took_s < LEAST_S:
        sleep(random.uniform(0, RENEWED_S))  # the counter's own phase must not count
        busy = turn(counter)
        if busy is None:
            return None
        calls += busy.calls
        in_calls_s += busy.in_calls_s
        took_s += busy.took_s
        spent_j += busy.joules
    above_j = spent_j - idle_w * took_s
    if spent_j <= 0:
        return no_energy("the energy counter stood still")
    if above_j <= 0:
        return no_energy(f"the calls took no more power than idling ({idle_w:.1f} W)")
    of_calls_j = above_j * min(1.0, in_calls_s / took_s)
    return EnergyUsed(joules_per_call=of_calls_j / calls, reason=None)


def no_energy(reason: str) -> EnergyUsed:
    return EnergyUsed(joules_per_call=None, reason=reason)


def counter_for(card_uuid: str | None) -> Counter:
    """Return the counter of a GPU, or of this machine's CPUs where there is no GPU.

    Raises:
        LookupError: there is none, or it may not be read; says what to do.
    """
    if card_uuid is None:
        return rapl_counter()
    try:
        card = Card(card_uuid)
    except LookupError as error:
        raise LookupError(f"no energy counter: {error}") from error
    if card.energy_j() is None:
        raise LookupError("no energy counter: this card has none (they have since Volta)")
    return lambda: card.energy_j() or 0.0


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
