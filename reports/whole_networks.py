"""Networks measured as a whole: a pass by each arm, beside what its convolutions take one by one.

Where the two part is told by what one look inside showed: convolutions are slower in their places
than alone, since weights and inputs come from memory there; and the rest is no convolution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rich.text import Text

from reports import units
from reports.matrix import Matrix, MatrixCell
from reports.text_frame import wrapped
from suite.conditions import Scenario
from suite.counted import counted
from suite.results.network_parts import NetworkParts
from suite.workload import Network, network_of

OF_THE_ARM = re.compile(r"(rows )?in \d+ of \d+ convolutions|left as it was")
"""How notes begin that say what an arm made of the model."""
MOST_KINDS = 4
"""Of operators that are named; the report has them all."""


@dataclass(frozen=True)
class Pass:
    """One arm of a network."""

    name: str
    time: str
    speedup: str
    """Against the reference, with its interval."""
    parts: NetworkParts | None
    note: str
    """What the arm says of itself: how many layers a row covers, what `optimize` chose."""

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Return kind of operator and time, the longest first."""
        others = self.parts.others if self.parts else {}
        ranked = sorted(others.items(), key=lambda item: -item[1])
        return [(kind, units.seconds(seconds)) for kind, seconds in ranked]

    @property
    def sentence(self) -> str:
        """Return where a pass goes, in one sentence; empty where nobody could look."""
        if self.parts is None:
            return ""
        parts = self.parts
        kinds = ", ".join(f"{kind} {time}" for kind, time in self.kinds[:MOST_KINDS])
        return (
            f"{len(parts.layers)} convolutions one by one {units.seconds(parts.alone_s)}, in their "
            f"places {units.seconds(parts.inside_s)}; {units.seconds(parts.others_s)} of "
            f"{units.seconds(parts.pass_s)} is no convolution{f': {kinds}' if kinds else ''}"
        )


@dataclass(frozen=True)
class WholeNetwork:
    scenario: str
    what: str
    """What it is, in words: convolutions, operations, bytes."""
    passes: tuple[Pass, ...]

    @property
    def has_parts(self) -> bool:
        return any(one.parts for one in self.passes)


def whole_networks(matrix: Matrix) -> list[WholeNetwork]:
    """Return a network for each scenario that is one."""
    return [
        WholeNetwork(
            scenario.id,
            _what(network),
            tuple(_pass(cell) for cell in _ranked(matrix, scenario)),
        )
        for scenario in matrix.scenarios
        if (network := network_of(scenario))
    ]


def _what(network: Network) -> str:
    count = network.convolutions
    convolutions = counted(count, "convolution")
    step = ", forward and backward" if network.train else ""
    return (
        f"{convolutions} a pass, {network.direct_flops / 1e9:.3g} GFLOP{step}, "
        f"{units.bytes_(network.parameter_bytes)} of parameters"
    )


def _ranked(matrix: Matrix, scenario: Scenario) -> list[MatrixCell]:
    timed = [cell for cell in matrix.row(scenario) if cell.time_s is not None]
    return sorted(timed, key=lambda cell: cell.time_s or 0.0)


def _pass(cell: MatrixCell) -> Pass:
    result = cell.result
    is_reference = result.implementation == result.reference
    speedup = ""
    if cell.summary and cell.summary.speedup and not is_reference:
        known = cell.summary.speedup
        speedup = f"{cell.speedup_words} {units.interval(known.half_width, cell.summary.blocks)}"
    return Pass(
        name=result.implementation,
        time=cell.time_words,
        speedup=speedup,
        parts=result.parts,
        note=next(filter(OF_THE_ARM.match, result.notes), ""),
    )


def whole_network_lines(matrix: Matrix, width: int) -> Iterator[Text]:
    """Yield a few lines for each network: where a pass by each arm goes."""
    for network in whole_networks(matrix):
        if not network.has_parts:
            continue
        yield Text(f"{network.scenario}: {network.what}", "bold")
        for one in network.passes:
            if one.sentence:
                text = f"{one.name}: {one.sentence}"
                yield from (Text.assemble("  ", line) for line in wrapped(text, width - 2, ""))
