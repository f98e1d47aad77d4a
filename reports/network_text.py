"""What whole networks take, row by row, for the terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from rich.text import Text

from reports import units
from reports.fitted_names import distinct
from reports.matrix import Matrix
from reports.networks import BEST_MIX, Network, Total, networks
from reports.text_frame import cut, wrapped
from suite.counted import counted
from suite.printable import printable

MOST_ROWS = 6
"""Besides the reference, the best mix and what must be shown; the rest is in the report."""
LABEL_SHARE = 3
INDENT = "      "


def network_lines(matrix: Matrix, width: int, shown: Collection[str] = ()) -> Iterator[Text]:
    """Yield a few lines for each network: what a pass through it takes with which row.

    Args:
        shown: rows that are shown however slow they are.
    """
    references = {cell.result.reference for cell in matrix.cells.values()}
    for network in networks(matrix):
        yield from _of_network(network, width, references, {*shown, *references, BEST_MIX})


def _of_network(
    network: Network, width: int, references: Collection[str], shown: Collection[str]
) -> Iterator[Text]:
    totals = [total for total in network.totals if total.filled_s is not None]
    ranked = sorted(totals, key=lambda total: total.filled_s or 0.0)
    others = [total.name for total in ranked if total.name not in shown]
    kept = [total for total in ranked if total.name in {*shown, *others[:MOST_ROWS]}]
    if not kept:
        return
    yield Text(
        f"{network.name}: {network.calls} convolutions a pass, {network.layers} different",
        "bold",
    )
    base_s = next((total.time_s for total in totals if total.name in references), None)
    names = distinct([printable(total.name) for total in kept], width // LABEL_SHARE)
    label = max(map(len, names))
    for name, total in zip(names, kept, strict=True):
        yield cut(f"  {name:{label}}  {_words(total, network, base_s, references)}", width, "")
        if total.name == BEST_MIX:
            mix = ", ".join(f"{row} {count}" for row, count in network.mix.items())
            yield from (
                Text.assemble(INDENT, line)
                for line in wrapped(f"{mix}{_undecided(network)}", width - len(INDENT), "")
            )
    if len(others) > MOST_ROWS:
        yield cut(f"  and {len(others) - MOST_ROWS} slower rows in the report", width)


def _words(
    total: Total, network: Network, base_s: float | None, references: Collection[str]
) -> str:
    """Return "160 ms ±1.2 %, 1.32×; torch in 1 layer that it does not cover"."""
    time_s = total.filled_s if total.time_s is None else total.time_s
    assert time_s is not None  # such totals are not shown
    spread = _spread(total)
    figures = [f"{units.seconds(time_s)}{f' {spread}' if spread else ''}"]
    if base_s is not None and total.name not in references:
        figures.append(units.times(base_s / time_s))
    remarks = []
    if missing := network.layers - total.passed_layers:
        instead = "/".join(sorted(references))
        layers = counted(missing, "layer")
        remarks.append(f"{instead} in {layers} without it")
    if total.disturbed_layers:
        remarks.append(f"{total.disturbed_layers} disturbed")
    return "; ".join([", ".join(figures), *remarks])


def _spread(total: Total) -> str:
    if total.time_s is None or total.low_s is None or total.high_s is None:
        return ""
    return units.spread((total.high_s - total.low_s) / 2 / total.time_s)


def _undecided(network: Network) -> str:
    count = network.undecided_layers
    return f" ({count} undecided)" if count else ""
