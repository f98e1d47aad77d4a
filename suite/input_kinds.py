"""The kinds of gate input: what each is for stands in `suite.operands.gate_inputs.draw`."""

from __future__ import annotations

RUN_KINDS = ("integer", "normal")
"""Gate inputs before timing; see `suite.operands.gate_inputs.draw`."""
SPECIAL_KINDS = ("nan", "inf")
"""Gate inputs with one value that is no number: judged by where it spreads."""
CHECK_KINDS = (
    *RUN_KINDS,
    "uniform",
    "large",
    "spiked",
    "transposed",
    "expanded",
    *SPECIAL_KINDS,
)
"""Gate inputs of `check`."""
