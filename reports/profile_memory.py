"""One figure for the memory of a profiled call, and why others that a reader meets differ from it.

Three places tell of memory: what the profile saw live over the call, the operating system's
high-water mark (in the profile and, from another process, in the tables), and the formula that an
implementation gives for its workspace.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports import units
from suite.results.cell import CellResult
from suite.results.profile import Memory

ALIKE = 0.1
"""Figures this near to each other say the same."""
LEAST_BYTES = 2**18
"""Pages, pools and the interpreter's own coming and going."""


@dataclass(frozen=True)
class MemoryWords:
    """What is said of one call's memory."""

    peak_bytes: int
    """What the call adds to its operands at its highest, output included."""
    remarks: tuple[str, ...]
    """A sentence, without its full stop, on every other figure that differs from it."""

    @property
    def text(self) -> str:
        peak = f"{units.bytes_(self.peak_bytes)} at the peak of a call, output included"
        return "; ".join([peak, *self.remarks])


def memory_words(result: CellResult, memory: Memory) -> MemoryWords:
    """Return the figure that counts, and why others are not it."""
    live, system = memory.peak_bytes, memory.system_peak_bytes
    peak, remarks = live, []
    if system is not None and not _alike(live, system):
        peak = max(live, system)
        if system > live:
            remarks.append(
                f"torch's allocators, and looks every half millisecond, saw {units.bytes_(live)} "
                "of it: the rest was there for less, or other code's"
            )
        else:
            remarks.append(f"only {units.bytes_(system)} of it was ever written to")
    said = (peak, peak if system is None else system)  # the tables' figure is the system's, too
    if result.peak_bytes is not None and not any(_alike(result.peak_bytes, own) for own in said):
        why = (
            "the process that was timed keeps freed blocks, this one hands them back"
            if result.peak_bytes > peak
            else "the process that was timed had the rest already"
        )
        remarks.append(f"the tables' {units.bytes_(result.peak_bytes)}: {why}")
    formula, workspace = result.workspace_bytes, memory.workspace_bytes
    if formula is not None and not _alike(formula, workspace):
        why = (
            "it counts what need not live at once"
            if formula > workspace
            else "it leaves out what libraries and the call itself take"
        )
        remarks.append(
            f"of the workspace, {units.bytes_(workspace)}, the formula says "
            f"{units.bytes_(formula)}: {why}"
        )
    return MemoryWords(peak, tuple(remarks))


def _alike(first: int, second: int) -> bool:
    return abs(first - second) <= max(LEAST_BYTES, ALIKE * max(first, second))
