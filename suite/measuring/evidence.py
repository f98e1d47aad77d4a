"""What is found out about one cell besides its time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from suite.problem import Scenario
from suite.results.cell import Residuals, worst_of
from suite.results.kernels import WhatRan


@dataclass
class Evidence:
    """Everything but status and samples; grows while a cell is gated and measured."""

    declared: dict[str, Any] = field(default_factory=dict)
    """What the implementation says of itself in this scenario; see `Worker.open`."""
    residuals_by_kind: dict[str, Residuals] = field(default_factory=dict)
    peaks_bytes: list[int] = field(default_factory=list)
    """The high-water mark of a call in every block."""
    deterministic: bool | None = None
    """Whether two calls on the same operands agreed bit for bit; None where not tried."""
    operators: tuple[str, ...] | None = None
    """Names of torch's operators that one call runs, in order."""
    vendor: str | None = None
    """The convolution of torch's own that did the work, if one did."""
    ran: WhatRan | None = None
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep a sentence for the report, once."""
        if text not in self.notes:
            self.notes.append(text)

    def take_operators(self, reply: dict[str, Any], scenario: Scenario, family: str) -> None:
        """Keep which operators a call ran, and note whose convolution that was."""
        self.operators, self.vendor = tuple(reply["operators"]), reply["vendor"]
        self.ran = reply["ran"] and WhatRan.from_dict(reply["ran"])
        if self.ran and scenario.on_cuda and family == "vendor":
            self.note(self.ran.sentence)
        if self.vendor and family not in ("vendor", "engine", "reference"):
            self.note(f"computes through torch's own {self.vendor}")

    @property
    def residuals(self) -> Residuals | None:
        return worst_of(self.residuals_by_kind)

    @property
    def tolerance(self) -> dict[str, Any]:
        """What the judge needs to know of the implementation."""
        names = ("family", "error_factor", "precision")
        return {name: self.declared[name] for name in names}

    def measured_workspace_bytes(self, scenario: Scenario) -> int | None:
        """Return extra memory of a call beyond its output, where the peak is an allocator's own."""
        if not scenario.on_cuda or not self.peaks_bytes:
            return None
        return max(0, max(self.peaks_bytes) - math.prod(scenario.result_shape) * scenario.itemsize)

    def fields(self) -> dict[str, Any]:
        """Return what of it a `CellResult` holds, by name."""
        names = ("precision", "error_factor", "workspace_bytes", "executed_flops")
        return {name: self.declared.get(name) for name in names} | {
            "residuals": self.residuals,
            "peak_bytes": max(self.peaks_bytes, default=None),
            "deterministic": self.deterministic,
            "operators": self.operators,
            "vendor": self.vendor,
            "ran": self.ran,
            "notes": tuple(self.notes),
        }
