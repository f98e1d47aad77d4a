"""What the numbers are that a convolution is timed on: a condition like its dtype.

Processors compute some numbers slower than others, and some methods skip zeros; an operator's
benchmark that draws normal numbers alone sees neither.
"""

from __future__ import annotations

NORMAL, TRAINED, DENORMAL, SPARSE, ZEROS = "normal", "trained", "denormal", "sparse90", "zeros"
VALUES = (NORMAL, TRAINED, DENORMAL, SPARSE, ZEROS)
AS_ASKED = "as_asked"
"""The kind of gate input that is drawn like the operands of timed calls."""

TAIL_DEGREES = 4
"""Degrees of freedom of Student's t, from which `trained` draws where nothing was stored."""


def words(values: str, weight_values: str) -> str:
    """Return both conditions in a few words: "denormal weights", "sparse90 inputs"."""
    if values == weight_values:
        return f"{values} values"
    parts = ((values, "inputs"), (weight_values, "weights"))
    return ", ".join(f"{name} {what}" for name, what in parts if name != NORMAL)


def remark(values: str, weight_values: str, *, is_stored: bool) -> str | None:
    """Return what a reader of times has to know of the values, if anything."""
    both = {values, weight_values}
    remarks = []
    if ZEROS in both:
        remarks.append("timed on zeros because it was asked for: a row may skip them")
    if TRAINED in both and not is_stored:
        remarks.append(
            f"values trained: none were stored, drawn from Student's t with {TAIL_DEGREES} degrees "
            "of freedom (capture can store a network's own)"
        )
    return "; ".join(remarks) or None
