"""A network folded, if that can be done and computes the same."""

from __future__ import annotations

from torch import nn

from suite.network.folding.folding import Folded, fold
from suite.network.twin import Inputs, first_line, run, twin_of
from suite.network.verifying import Reference


def attempt(
    twin: nn.Module, inputs: Inputs, reference: Reference, tolerance: float | None
) -> tuple[Folded | None, list[str]]:
    """Return a network folded, None where it stays as it is; and what is to be said of that.

    Args:
        twin: a copy of the network, which is left as it is.
        reference: what it should return.
        tolerance: largest relative L2 error of the outputs; None: as much as rows may have.
    """
    remarks = []
    try:
        folded = fold(twin_of(twin), inputs)
        for path, reason in folded.reasons.items():
            remarks.append(f"{path or 'the whole'} is folded in parts, if at all: {reason}")
        if folded.by_export:
            remarks.append(
                f"its graph is one of torch.export; torch.fx has none: {folded.by_export}"
            )
        if not folded.parts:
            remarks.append("nothing is folded: no batch norm, activation or sum follows alone")
            return None, remarks
        error = max(reference.error_of(run(folded.model, inputs, seed)) for seed in (0, 1))
    except Exception as raised:  # whatever the network's own code makes of its parts
        return None, [*remarks, f"not folded: {type(raised).__name__}: {first_line(raised)}"]
    limit = reference.limit(tolerance)
    if error <= limit:
        return folded, remarks
    remarks.append(f"not folded: its outputs are off by {error:.1g} then, {limit:.1g} is allowed")
    return None, remarks
