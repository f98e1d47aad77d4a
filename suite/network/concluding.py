"""From what was measured to what is told: each layer, and the whole."""

from __future__ import annotations

from statistics import geometric_mean

from suite.network.proving import Blocks
from suite.network.settling import Settled
from suite.network.survey import Layer
from suite.network.variant import NOTHING_KNOWN, Variant
from suite.results.network import LayerOutcome, WholePass
from suite.stats.intervals import Interval, paired_speedup

NOTHING_FASTER = "no row was surely faster inside the network"
NOT_MEASURED = "budget_s=0 takes what is known and measures nothing"


def verdict_on(variant: Variant, settled: Settled | None, *, is_folded: bool = False) -> str:
    """Return why nothing was done, or why what was done was not timed; empty where it gained."""
    if settled is None:
        is_changed = variant.chosen or variant.memory_format is not None or is_folded
        return NOT_MEASURED if is_changed else NOTHING_KNOWN
    if settled.is_faster:
        return ""
    gain = settled.blocks.gain if settled.blocks.whole else None
    if gain is None or gain.low is None:
        return NOTHING_FASTER
    return f"nothing made the whole network surely faster ({_words(gain)})"


def outcome_of_layer(
    variant: Variant, layer: Layer, blocks: Blocks, fused: tuple[str, ...] = ()
) -> LayerOutcome:
    """Return what became of a layer.

    Args:
        fused: what was folded into it.
    """
    problems = tuple(call.problem for call in layer.calls)
    candidate = variant.chosen.get(layer.path)
    if candidate is None:
        reason = layer.reason or variant.reasons.get(layer.path, NOTHING_FASTER)
        return LayerOutcome(layer=layer.path, problems=problems, reason=reason, fused=fused)
    check, pairs = variant.checks[layer.path], blocks.layers.get(layer.path, [])
    return LayerOutcome(
        layer=layer.path,
        row=candidate.row,
        problems=problems,
        before_s=geometric_mean(before for before, _ in pairs) if pairs else None,
        after_s=geometric_mean(after for _, after in pairs) if pairs else None,
        speedup=paired_speedup(pairs) if pairs else None,
        error=check.error,
        torch_error=check.torch_error,
        pack_bytes=check.pack_bytes,
        weight_bytes=layer.weight_bytes,
        fused=fused,
    )


def whole_pass(settled: Settled) -> WholePass | None:
    """Return what whole passes took, None where none was timed."""
    blocks = settled.blocks
    if not blocks.whole:
        return None
    return WholePass(
        before_s=geometric_mean(before for before, _ in blocks.whole),
        after_s=geometric_mean(after for _, after in blocks.whole),
        speedup=blocks.gain,
        blocks=len(blocks.whole),
        is_fresh=settled.are_fresh,
    )


def _words(gain: Interval) -> str:
    """Return "1.01×, 0.99 to 1.03"."""
    return f"{gain.value:.2f}×, {gain.low:.2f} to {gain.high:.2f}"
