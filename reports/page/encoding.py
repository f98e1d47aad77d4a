"""How a page's values are written down: small, and inert wherever they stand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from suite.printable import printable_lines
from suite.results.cell import CellResult


def embed(data: dict[str, Any]) -> Markup:
    """Return JSON that stays inert inside a script element, whatever names it holds."""
    text = json.dumps(spelled(data), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def spelled(value: Any) -> Any:
    """Return nested lists and dictionaries with the controls in every text spelled out."""
    if isinstance(value, str):
        return printable_lines(value)
    if isinstance(value, dict):
        return {spelled(name): spelled(item) for name, item in value.items()}
    return [spelled(item) for item in value] if isinstance(value, list | tuple) else value


def number(value: float | None, digits: int = 5) -> float | str | None:
    """Return a number for JSON: rounded, and infinities and NaN by name."""
    if value is None or isinstance(value, int):
        return value
    if not math.isfinite(value):
        return str(value)
    return float(f"{value:.{digits}g}")


def rounded(value: Any) -> Any:
    """Return nested lists and dictionaries with every float as `number` gives it."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return number(value) if isinstance(value, float) else value


def samples(result: CellResult, most: int) -> list[Any] | None:
    """Return [power of ten, one list of whole multiples a block], four digits of the least."""
    if not result.blocks:
        return None
    least = min(min(block.samples_s) for block in result.blocks)
    power = math.floor(math.log10(least)) - 3
    scale = 10.0**-power
    blocks = [thinned(block.samples_s, most) for block in result.blocks]
    return [power, [[round(sample * scale) for sample in block] for block in blocks]]


def thinned(samples: Sequence[float], most: int) -> Sequence[float]:
    """Return at most `most` samples: all, or evenly spaced ranks from least to largest."""
    if len(samples) <= most:
        return samples
    ranked = sorted(samples)
    step = (len(ranked) - 1) / (most - 1)
    return [ranked[round(index * step)] for index in range(most)]
