"""What optimising a network came to, as text no wider than a terminal, and as rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from reports import units
from reports.fitted_names import distinct
from reports.text_frame import Figure, Frame, wrapped
from suite.results.network import LayerOutcome, NetworkOutcome, WholePass
from suite.stats.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 80
HEADS = ("row", "before", "after", "gain", "error", "torch", "pack", "with")
"""The last one of folded networks only."""
CAPTION = (
    "before, after: in one pass, inside the network; error: relative L2 against float64, torch's "
    "beside it; pack: packed weights in MiB"
)
FUSED_CAPTION = "; with: what became part of it, before and after alike"
LEAST_NAME = 12
MOST_NAMES = 6
ROOT = "(the module itself)"


@dataclass(frozen=True)
class Explanation:
    """What `convgauge.explain` returns: prints as a table; `rows` and `to_frame()` are its data."""

    outcome: NetworkOutcome

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return self.text()

    def text(self, width: int = WIDTH) -> str:
        """Return it in lines of at most `width` columns."""
        return "\n".join(line.plain for line in explanation_lines(self.outcome, width))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict a layer; times in seconds, absent is None."""
        return [_record(layer) for layer in self.outcome.layers]

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a pandas DataFrame, the layers' paths as its index."""
        import pandas as pd  # noqa: PLC0415 - takes half a second

        columns = list(_record(LayerOutcome(layer="")))
        return pd.DataFrame(self.rows, columns=columns).set_index("layer")


def _record(layer: LayerOutcome) -> dict[str, Any]:
    speedup = layer.speedup
    return {
        "layer": layer.layer,
        "row": layer.row,
        "before_s": layer.before_s,
        "after_s": layer.after_s,
        "speedup": speedup and speedup.value,
        "speedup_low": speedup and speedup.low,
        "speedup_high": speedup and speedup.high,
        "rel_l2_error": layer.error,
        "torch_rel_l2_error": layer.torch_error,
        "pack_bytes": layer.pack_bytes,
        "fused": "+".join(layer.fused),
        "reason": layer.reason,
    }


def summary_lines(outcome: NetworkOutcome, width: int = WIDTH) -> Iterator[Text]:
    """Yield what was gained in all, and under which settings."""
    if not outcome.is_changed:
        yield from wrapped(f"left as it was: {outcome.verdict}", width, "yellow")
    elif outcome.whole is None:
        yield from wrapped(f"not timed: {outcome.verdict}", width, "yellow")
    if outcome.whole is not None and outcome.is_changed:
        yield from wrapped(whole_words(outcome.whole), width, "bold green")
    if outcome.is_folded:
        yield from wrapped(f"folded: {folded_words(outcome)}", width, "")
    replaced = len(outcome.replaced)
    if replaced:
        yield from wrapped(
            f"{replaced} of {len(outcome.layers)} convolutions replaced, their packed weights "
            f"{units.bytes_(outcome.pack_bytes)} besides {units.bytes_(outcome.replaced_bytes)} "
            "of weights",
            width,
            "",
        )
    if outcome.error is not None:
        yield from wrapped(
            f"outputs: relative L2 error {units.error(outcome.error)} against float64, "
            f"torch's own {units.error(outcome.torch_error)}",
            width,
            "",
        )
    taken_to = f", taken to {outcome.memory_format}" if outcome.memory_format else ""
    yield from wrapped(
        f"threads={outcome.threads}, torch {outcome.torch}{taken_to}; "
        f"took {units.seconds(outcome.took_s)}",
        width,
    )
    for remark in outcome.remarks:
        yield from wrapped(remark, width, "yellow")


def folded_words(outcome: NetworkOutcome) -> str:
    """Return "20 batch norms, 8 sums and 17 activations into 20 convolutions, on a copy"."""
    fused = [layer.fused for layer in outcome.layers if layer.fused]
    norms, sums = (sum(what in parts for parts in fused) for what in ("bn", "add"))
    activations = sum(len(parts) for parts in fused) - norms - sums
    return (
        f"{norms} batch norms, {sums} sums and {activations} activations into {len(fused)} "
        "convolutions, on a copy for inference"
    )


def whole_words(whole: WholePass) -> str:
    """Return "one pass: 284 ms before, 95.0 ms after: 2.99× ±1.2 % (8 blocks of fresh …)"."""
    where = (
        f"{whole.blocks} blocks in fresh processes"
        if whole.is_fresh
        else "in turns in this process"
    )
    return (
        f"one pass: {units.seconds(whole.before_s)} before, {units.seconds(whole.after_s)} after: "
        f"{units.times(whole.speedup.value)} "
        f"{units.interval(whole.speedup.half_width, whole.blocks)} ({where})"
    )


def explanation_lines(outcome: NetworkOutcome, width: int = WIDTH) -> Iterator[Text]:
    """Yield the table of what was replaced, what was left and why, and the whole."""
    if replaced := outcome.replaced:
        columns = list(zip(*map(_figures, replaced), strict=True))
        heads = HEADS if any(layer.fused for layer in outcome.layers) else HEADS[:-1]
        columns = columns[: len(heads)]
        room = width - sum(map(_column_width, heads, columns)) - len(heads)
        names = distinct([layer.layer or ROOT for layer in replaced], max(LEAST_NAME, room))
        yield from Frame(names, heads, columns).lines(width)
        yield from wrapped(CAPTION + (FUSED_CAPTION if heads is HEADS else ""), width)
    by_reason: dict[str, list[str]] = {}
    for layer in outcome.layers:
        if not layer.is_replaced:
            by_reason.setdefault(layer.reason, []).append(layer.layer or ROOT)
    for reason, names in by_reason.items():
        yield from wrapped(f"left to torch: {_listed(names)}: {reason}", width, "")
    yield from summary_lines(outcome, width)


def _column_width(head: str, column: Sequence[Figure]) -> int:
    return max(len(head) + 1, *(figure.width for figure in column))


def _figures(layer: LayerOutcome) -> tuple[Figure, ...]:
    texts = (
        layer.row,
        _time(layer.before_s),
        _time(layer.after_s),
        units.ABSENT if layer.speedup is None else _gain(layer.speedup),
        _error(layer.error),
        _error(layer.torch_error),
        f"{layer.pack_bytes / 2**20:.1f}",
        "+".join(layer.fused),
    )
    return tuple(map(Figure, texts))


def _time(seconds: float | None) -> str:
    return units.ABSENT if seconds is None else units.short_seconds(seconds)


def _gain(speedup: Interval) -> str:
    """Return "1.66×±9%"."""
    half = speedup.half_width
    return f"{units.short_times(speedup.value)}{'' if half is None else f'±{100 * half:.0f}%'}"


def _error(value: float | None) -> str:
    return units.ABSENT if value is None else f"{value:.0e}".replace("e-0", "e-")


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    listed = ", ".join(names[:MOST_NAMES])
    return f"{listed} and {more} more" if more > 0 else listed
