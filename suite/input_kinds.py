"""The kinds of gate input: what each is for stands in `suite.operands.gate_inputs.draw`."""

from __future__ import annotations

from suite.conditions import Scenario
from suite.values import AS_ASKED
from suite.workload import network_of

RUN_KINDS = ("integer", "normal")
"""Gate inputs before timing; see `suite.operands.gate_inputs.draw`."""
NETWORK_KINDS = ("normal",)
"""The same of whole networks, in which nothing is exact."""
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

HANDED_OVER = {
    "uniform": "views with a storage offset",
    "large": "slices of wider tensors",
    "transposed": "views with rows and columns exchanged in memory",
    "expanded": "views of one sample",
}
"""Kinds whose operands are no dense tensors that begin where their storage does; they do in the
other kinds. What lies around them is NaN."""


def run_kinds(scenario: Scenario) -> tuple[str, ...]:
    """Return the gate inputs that a scenario's cells meet before they are timed.

    Normal ones are always among them, whatever values are timed: on zeros a row that computes
    nothing is right.
    """
    if network_of(scenario) is not None:
        return NETWORK_KINDS
    return RUN_KINDS if scenario.has_usual_values else (*RUN_KINDS, AS_ASKED)


def described(kind: str) -> str:
    """Return what inputs of a kind are, for whoever reads why they were not passed."""
    if kind == AS_ASKED:
        return "inputs of the values asked for"
    views = HANDED_OVER.get(kind)
    return f"{kind} inputs, handed over as {views}" if views else f"{kind} inputs"
