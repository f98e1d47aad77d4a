"""Time of whole networks: each layer's time, weighted by how often it stands in its network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from reports.matrix import Matrix, MatrixCell
from suite.conditions import Scenario
from suite.results.standing import is_faster

BEST_MIX = "best mix per layer"
REACH = 4.0
"""The axis of totals ends at so many times the reference's, or the least where it has none."""
ROOM = 1.2
"""So much longer than the longest that is drawn whole is one that is cut."""


@dataclass(frozen=True)
class Total:
    """Seconds that one implementation needs for all layers of a network."""

    name: str
    time_s: float | None
    """None: it did not pass in every layer."""
    low_s: float | None
    high_s: float | None
    passed_layers: int
    disturbed_layers: int
    """Those of them that were timed while others took the cores."""
    filled_s: float | None
    """The same with the reference in the layers where it did not pass.

    None: it passed nowhere, or somewhere neither did.
    """


@dataclass(frozen=True)
class Network:
    name: str
    layers: int
    calls: int
    """Convolutions in one pass: the layers' occurrences."""
    totals: tuple[Total, ...]
    """One per implementation, then the best mix."""
    mix: dict[str, int]
    """Implementation → layers that the best mix gives it."""
    axis_s: float
    """Where a linear axis of these totals ends; bars beyond are cut."""
    undecided_layers: int
    """Those in which nobody is fastest beyond chance."""


def networks(matrix: Matrix) -> list[Network]:
    """Return a network for each scenario file in which some layer occurs more than once."""
    sources: dict[str, list[Scenario]] = {}
    for scenario in matrix.scenarios:
        sources.setdefault(scenario.source, []).append(scenario)
    return [
        _network(matrix, source, scenarios)
        for source, scenarios in sources.items()
        if any(scenario.occurrences > 1 for scenario in scenarios)
    ]


def _network(matrix: Matrix, source: str, layers: list[Scenario]) -> Network:
    references = {
        scenario.id: matrix.cells.get((scenario.id, cell.result.reference))
        for scenario in layers
        for cell in matrix.row(scenario)[:1]
    }
    totals = []
    for name in matrix.implementations:
        cells = [matrix.cells.get((scenario.id, name)) for scenario in layers]
        filled = [
            cell if cell is not None and cell.summary else references.get(scenario.id)
            for cell, scenario in zip(cells, layers, strict=True)
        ]
        totals.append(_total(name, layers, cells, filled))
    chosen = [_chosen(matrix, scenario, references.get(scenario.id)) for scenario in layers]
    totals.append(_total(BEST_MIX, layers, chosen, chosen))
    return Network(
        name=source or "unnamed",
        layers=len(layers),
        calls=sum(scenario.occurrences for scenario in layers),
        totals=tuple(totals),
        undecided_layers=sum(
            matrix.fastest(scenario) is not None and matrix.winner(scenario) is None
            for scenario in layers
        ),
        mix=dict(Counter(cell.result.implementation for cell in chosen if cell).most_common()),
        axis_s=_axis_s(
            totals, {cell.result.implementation for cell in references.values() if cell}
        ),
    )


def _chosen(matrix: Matrix, scenario: Scenario, reference: MatrixCell | None) -> MatrixCell | None:
    """Return the least time among those that are faster than the reference beyond chance.

    Where none is, the reference: the least of many times that chance alone tells apart would
    promise more than the mix holds. Where the reference did not pass, the least time.
    """
    if reference is None or reference.summary is None:
        return matrix.fastest(scenario)
    ahead = [
        cell
        for cell in matrix.row(scenario)
        if cell.summary and not cell.is_disturbed and is_faster(cell.result, reference.result)
    ]
    if reference.is_disturbed:
        ahead = []
    return min(ahead, key=lambda cell: cell.time_s or math.inf, default=reference)


def _axis_s(totals: list[Total], references: set[str]) -> float:
    """Return the longest total, or a few times the reference's where some are far beyond it."""
    known = {total.name: total.filled_s for total in totals if total.filled_s is not None}
    if not known:
        return 0.0
    own = [time_s for name, time_s in known.items() if name in references]
    reach = REACH * max(own or [min(known.values())])
    if max(known.values()) > reach:
        return ROOM * max(time_s for time_s in known.values() if time_s <= reach)
    return max(max(total.high_s or 0.0, total.filled_s or 0.0) for total in totals)


def _total(
    name: str,
    layers: list[Scenario],
    cells: list[MatrixCell | None],
    filled: list[MatrixCell | None],
) -> Total:
    time_s, half_s = _weighted_sum(layers, cells)
    passed_layers = sum(cell is not None and cell.summary is not None for cell in cells)
    return Total(
        name=name,
        time_s=time_s,
        low_s=None if time_s is None or half_s is None else time_s - half_s,
        high_s=None if time_s is None or half_s is None else time_s + half_s,
        passed_layers=passed_layers,
        disturbed_layers=sum(cell is not None and cell.is_disturbed for cell in cells),
        filled_s=_weighted_sum(layers, filled)[0] if passed_layers else None,
    )


def _weighted_sum(
    layers: list[Scenario], cells: Iterable[MatrixCell | None]
) -> tuple[float | None, float | None]:
    """Return the sum and half its interval; layers count as independent."""
    total_s, squares = 0.0, 0.0
    has_interval = True
    for scenario, cell in zip(layers, cells, strict=True):
        if cell is None or cell.summary is None:
            return None, None
        time_s = cell.summary.time_s
        total_s += scenario.occurrences * time_s.value
        if time_s.half_width is None:
            has_interval = False
        else:
            squares += (scenario.occurrences * time_s.value * time_s.half_width) ** 2
    return total_s, math.sqrt(squares) if has_interval else None
