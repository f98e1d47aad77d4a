"""Quantities as people read them: three significant digits and a unit. Absent is "–"."""

from __future__ import annotations

import math

from suite.stats.intervals import no_interval

ABSENT = "–"
FACTOR_FROM = 0.5
"""Wider intervals are told as a factor: half a logarithm no longer reads as per cent."""
_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))


def digits(value: float) -> str:
    """Return a number with three significant digits and no exponent where it can be read."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.2e}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def _scaled(value: float, steps: tuple[tuple[float, str], ...]) -> str:
    for size, unit in steps:
        if abs(value) >= size * 0.9995:
            return f"{digits(value / size)} {unit}"
    size, unit = steps[-1]
    return f"{digits(value / size)} {unit}"


def seconds(value: float | None) -> str:
    return ABSENT if value is None else _scaled(value, _SECONDS)


def bytes_(value: float | None) -> str:
    if value is not None and abs(value) < 2**10:
        return f"{value:.0f} B"
    return ABSENT if value is None else _scaled(value, _BYTES)


def times(value: float | None) -> str:
    """Return a ratio such as a speed-up: "1.83×", "0.0037×"."""
    if value is None:
        return ABSENT
    return f"{value:.2g}×" if 1e-4 <= value < 0.1 else f"{digits(value)}×"


def percent(value: float | None) -> str:
    return ABSENT if value is None else f"{digits(100 * value)} %"


def spread(half_width: float | None) -> str:
    """Return half an interval on the logarithmic scale: 0.02 is "±2.0 %", 1.1 is "×÷ 3.00"."""
    if half_width is None:
        return ""
    if half_width > FACTOR_FROM:
        return f"×÷ {digits(math.exp(min(half_width, 700.0)))}"
    return f"±{100 * half_width:.1f} %"


def interval(half_width: float | None, blocks: int) -> str:
    """Return half an interval, or why so few blocks have none: "(2 blocks: no interval)"."""
    return f"({no_interval(blocks)})" if half_width is None else spread(half_width)


def error(value: float | None) -> str:
    return ABSENT if value is None else ("0" if value == 0 else f"{value:.1e}")


def short_times(ratio: float) -> str:
    """Return a ratio in five columns: "1.83×", ".065×", "<.01×"; larger ones from 10,000 on."""
    if ratio < 0.01:
        return "<.01×"
    if ratio < 0.0995:
        return f"{ratio:.3f}×"[1:]
    decimals = 2 if ratio < 9.995 else 1 if ratio < 99.95 else 0
    return f"{ratio:.{decimals}f}×"


def short_seconds(value: float) -> str:
    """Return a time with three digits and no space: "15.9ms"."""
    size, unit = next((step for step in _SECONDS if value >= step[0] * 0.9995), _SECONDS[-1])
    scaled = value / size
    decimals = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    return f"{scaled:.{decimals}f}{unit}"
