"""Which rows may compute a layer, the most promising first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from suite.conditions import Scenario
from suite.network.survey import Call, Layer
from suite.registry.catalogue import Entry, read_catalogue
from suite.tuning.advice import advise, expected_gains
from suite.tuning.candidates import TREE, candidates
from suite.tuning.eligible import is_eligible, usual_rows
from suite.tuning.plan import Plan, fingerprint_here
from suite.tuning.store import Conditions, Row

FIRST = (
    "onednn_prepacked",
    "winograd_tile6",
    "gemv",
    "depthwise",
    "gemm_1x1",
    "gemm_patches",
    "direct_packed",
    "winograd_tile4",
    "grouped",
    "fft_tiled",
    "loops_blocked",
)
"""Rows that won in networks, in the order in which they are tried; then come all others. What is
known of this machine goes before it."""
LEAST_FFT_TAPS = 25
"""Smaller kernels never paid for the transforms, on any machine that was seen."""
MOST_LOOPS_FLOPS = 2e7
"""Compiled loops win where calls are short; beyond it they would use up the budget."""


@dataclass(frozen=True)
class Candidate:
    """A row for a layer, with a plan for each way in which the layer is called."""

    row: str
    plans: tuple[Plan, ...]
    fuses: bool = False
    """Whether it computes what follows the layer's convolution, too."""

    @property
    def name(self) -> str:
        """The row's, which one that leaves to torch what it might fuse shares with another."""
        return f"{self.row}, torch after it" if self.plans[0].apart else self.row

    @property
    def is_apart(self) -> bool:
        return self.plans[0].apart

    def apart(self) -> Candidate:
        """Return the row that torch follows: for where fusing fails, or is slower."""
        return Candidate(self.row, tuple(replace(plan, apart=True) for plan in self.plans))


def known_candidates(layer: Layer, threads: int) -> list[Candidate]:
    """Return what is known to be safely faster on this machine; nothing is measured.

    The layer's first call decides; calls for which the row is not safe too stay torch's.
    """
    of_calls = {call: _known_rows(call, threads) for call in layer.calls}
    first, *_ = of_calls.values()
    return [
        Candidate(
            row.name,
            tuple(_plan(call, row, threads) for call, rows in of_calls.items() if row in rows),
        )
        for row in first
    ]


def _known_rows(call: Call, threads: int) -> list[Row]:
    """Return the rows that are safe for a call, the fastest first."""
    problem = call.problem.as_called()
    conditions = Conditions(call.dtype, call.memory_format, threads)
    usable = {entry.name for entry in candidates(problem, conditions, torch.__version__).entries}
    advice = advise(problem, conditions, torch.__version__)
    return [each.row for each in advice.predictions if each.row.name in usable]


def _plan(call: Call, row: Row, threads: int) -> Plan:
    conditions = Conditions(call.dtype, call.memory_format, threads)
    return Plan(call.problem.as_called(), conditions, row, fingerprint_here(torch.__version__))


class Rows:
    """All rows that may be chosen here, and what each of them covers.

    Asks a process of its own, as describing rows imports them.
    """

    def __init__(self, layers: Iterable[Layer], log: Path) -> None:
        calls = dict.fromkeys(
            (call.problem, call.dtype) for layer in layers for call in layer.calls
        )
        self._ids = {key: f"network/{number}" for number, key in enumerate(calls)}
        scenarios = [
            Scenario(id=identity, problem=problem, dtype=dtype)
            for (problem, dtype), identity in self._ids.items()
        ]
        catalogue = read_catalogue(Path(TREE), (), log, scenarios)
        self._entries = [
            entry
            for entry in usual_rows(catalogue.entries)
            if entry.unavailable is None and is_eligible(entry.declared)
        ]

    def candidates(self, layer: Layer, threads: int) -> list[Candidate]:
        """Return the rows that cover all calls of a layer, the most promising first."""
        covering = [
            entry
            for entry in self._entries
            if layer.calls and all(self._is_worth_a_try(entry, call) for call in layer.calls)
        ]
        first = layer.calls[0] if layer.calls else None
        ranked = sorted(covering, key=_promise(first, threads)) if first else []
        return [
            Candidate(
                entry.name,
                tuple(
                    _plan(call, Row(entry.name, entry.source.location), threads)
                    for call in layer.calls
                ),
                fuses=all(
                    call.problem.epilogue in entry.declared.epilogues for call in layer.calls
                ),
            )
            for entry in ranked
        ]

    def _is_worth_a_try(self, entry: Entry, call: Call) -> bool:
        problem = call.problem
        if self._ids[problem, call.dtype] in entry.unsupported:
            return False
        if call.dtype not in entry.declared.dtypes:
            return False
        if entry.family == "fft":
            return problem.kernel_h * problem.kernel_w >= LEAST_FFT_TAPS
        if entry.family == "loops":
            return problem.direct_flops <= MOST_LOOPS_FLOPS
        return True


def _promise(call: Call, threads: int) -> Callable[[Entry], tuple[float, int]]:
    """Return a key by which rows are sorted for a call: by what is known, then as listed."""
    conditions = Conditions(call.dtype, call.memory_format, threads)
    gains = expected_gains(call.problem.as_called(), conditions, torch.__version__)

    def key(entry: Entry) -> tuple[float, int]:
        rank = FIRST.index(entry.name) if entry.name in FIRST else len(FIRST)
        return -gains.get(entry.name, 0.0), rank

    return key


def columns(candidates: Mapping[str, Sequence[Candidate]]) -> list[dict[str, Candidate]]:
    """Return each layer's first candidate, then each layer's second, and so on.

    A pass through the network with one column of them tells of one row for every layer.
    """
    most = max(map(len, candidates.values()), default=0)
    return [
        {path: rows[number] for path, rows in candidates.items() if number < len(rows)}
        for number in range(most)
    ]
