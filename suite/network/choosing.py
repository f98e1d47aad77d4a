"""Which row each layer gets: every row is tried inside the network itself, in processes of its own.

A layer alone, called again and again, finds its weights and its input in the caches; in a network
it finds what the layers before it left there. So a pass through the whole network is timed, layer
by layer, with another row in each of them: one pass tells of one row for every layer at once. The
fastest are then measured again in fresh processes, and only what they show there counts. Layers
that are called alike are looked at together: what one pass tells of a row is the sum over them.

What is remembered of this machine is not measured again. A row that fuses what follows the layer
and fails, or is among the fastest, is measured with torch after it as well.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from suite.messages.network import Asked
from suite.network.bench import Arm, ArmFailed
from suite.network.benches import Benches, Timer
from suite.network.candidates import Candidate, columns
from suite.network.deciding import (
    LEAST_GAIN,
    MOST_PACK_SHARE,
    Choice,
    Option,
    finalists,
    gain_of,
    is_surely_faster,
    within_memory,
)
from suite.stats.intervals import block_time_s
from suite.tuning.plan import Plan

FIRST_LOOK = Asked(seconds=0.0, least_turns=3, most_turns=3, seed=0, whole=False, layers=())
AGAIN = Asked(seconds=0.5, least_turns=4, most_turns=12, seed=1, whole=False, layers=())
_PASSES = {FIRST_LOOK: 10, AGAIN: 12}
"""At least so many passes through the network are a column's: of two arms, the warming ones too."""
USUAL_WARM_S = 3.0
"""First passes that take longer compile something."""
FIRST_LOOK_SHARE = 0.6
"""Of the time, before the fastest rows are measured again."""
PROCESSES = 3
"""Fresh ones in which the finalists are measured."""

TOO_LARGE = (
    f"its packed weights would take the whole beyond {MOST_PACK_SHARE:g} times the weights that "
    "they stand for"
)

Watch = Callable[[str], None]
Column = Mapping[str, Candidate]


@dataclass
class Seen:
    """What was measured of a layer, or of several that are called alike, all together."""

    weight_bytes: int
    """Of each."""
    candidates: dict[str, Candidate] = field(default_factory=dict)
    gains: dict[str, float] = field(default_factory=dict)
    """Row → its gain when it was tried first."""
    packs: dict[str, int] = field(default_factory=dict)
    """Row → what it packs for each of them."""
    blocks: dict[str, list[float]] = field(default_factory=dict)
    """Row → its gain in each fresh process, of the finalists."""
    torch_s: list[float] = field(default_factory=list)
    """Of one of them."""
    failed: dict[str, str] = field(default_factory=dict)

    def best(self, refused: Container[str] = ()) -> list[Option]:
        """Return the rows that surely gain, the best first.

        Args:
            refused: rows that are wrong on the values that the network has in this place.
        """
        surely = {
            row: blocks
            for row, blocks in self.blocks.items()
            if row not in refused and is_surely_faster(blocks)
        }
        before_s = statistics.median(self.torch_s) if self.torch_s else 0.0
        means = {row: statistics.geometric_mean(blocks) for row, blocks in surely.items()}
        return [
            Option(row, before_s * (1 - 1 / means[row]), self.packs.get(row, 0))
            for row in sorted(means, key=lambda row: -means[row])
        ]

    def why_left(self, refused: Mapping[str, str]) -> str:
        """Return why torch computes one of the layers, where nothing else was chosen.

        Args:
            refused: row → what was wrong with it there.
        """
        if not self.candidates:
            return "no row covers it"
        if self.best(refused):
            return TOO_LARGE
        if refused:
            return "; ".join(refused.values())
        if not self.gains:
            return "; ".join(self.failed.values()) or "not tried: the budget was used up before"
        row = max(self.gains, key=lambda row: self.gains[row])
        return f"no row was surely faster inside the network, {row} nearest"


class _Timed(NamedTuple):
    """A row in some layers that are called alike."""

    gain: float
    torch_s: float
    pack_bytes: int
    """Of one of them."""


class Contest:
    """Tries the candidates of some layers in the network, in one memory format."""

    def __init__(
        self,
        candidates: Mapping[str, Sequence[Candidate]],
        weight_bytes: Mapping[str, int],
        benches: Benches,
        memory_format: str | None,
        known: Mapping[str, Mapping[str, float]] | None = None,
        pass_s: float = 0.0,
    ) -> None:
        """
        Args:
            known: path of a layer → row → its gain, where that is remembered of this machine.
            pass_s: seconds of a pass through the network, to reckon with.
        """
        known = known or {}
        self._benches = benches
        self._memory_format = memory_format
        self._columns = columns(
            {
                path: [row for row in rows if row.name not in known.get(path, {})]
                for path, rows in candidates.items()
            }
        )
        self._compiling_s = 0.0
        self._step_s = dict.fromkeys(_PASSES, 0.0)
        """Of each kind of step, the longest seconds so far; at first what is reckoned."""
        for asked, passes in _PASSES.items():
            self._step_s[asked] = max(asked.seconds, passes * pass_s)
        alike: dict[tuple[tuple[Plan, ...], ...], Seen] = {}
        self.seen = {
            path: alike.setdefault(
                tuple(row.plans for row in rows),
                Seen(weight_bytes[path], {row.name: row for row in rows}),
            )
            for path, rows in candidates.items()
        }
        """Layers that are called alike have one between them."""
        self._refused: dict[str, dict[str, str]] = {path: {} for path in candidates}
        """Path → row → what was wrong with it on the network's own values."""
        for path, gains in known.items():
            own = self.seen[path]
            own.gains |= gains
            own.blocks |= {row: [gain] for row, gain in gains.items() if gain >= LEAST_GAIN}

    def run(self, seconds: float, watch: Watch) -> float:
        """Measure for so long: first looks, then the finalists.

        Returns how much longer it took because rows were compiled that had never been used here:
        that is done once, and takes no more than as long again.
        """
        began = time.monotonic()
        self._look_at_all(began + FIRST_LOOK_SHARE * seconds, seconds, watch)
        self._look_again(began + seconds + self._compiling_s, watch)
        return self._compiling_s

    def _look_at_all(self, until: float, most_compiling_s: float, watch: Watch) -> None:
        def is_time_left() -> bool:
            ends = time.monotonic() + self._step_s[FIRST_LOOK]
            return ends < until + min(self._compiling_s, most_compiling_s)

        waiting: list[Column] = list(self._columns)
        while waiting and is_time_left():
            with self._benches.open() as bench:
                try:
                    while waiting and is_time_left():
                        column = waiting.pop(0)
                        watch(f"trying {_rows_in(column)}")
                        self._look_at(column, bench)
                except ArmFailed as failed:  # its process may be gone: the next goes on
                    waiting[:0] = self._apart(column, str(failed))

    def _look_at(self, column: Column, bench: Timer) -> None:
        for seen, row, timed in self._time(bench, column, FIRST_LOOK):
            seen.gains[row] = timed.gain
            seen.packs[row] = timed.pack_bytes

    def _apart(self, column: Column, reason: str) -> list[Column]:
        """Return a column that failed as one for each row; a single row is not tried again.

        Torch computes what follows the layer where a row failed that fuses it.
        """
        rows = {candidate.name for candidate in column.values()}
        if len(rows) == 1:
            for path, candidate in column.items():
                self.seen[path].failed[candidate.name] = reason
            rest = {path: row.apart() for path, row in column.items() if row.fuses}
            for path, row in rest.items():
                self.seen[path].candidates[row.name] = row
            return [rest] if rest else []
        return [
            {path: candidate for path, candidate in column.items() if candidate.name == row}
            for row in sorted(rows)
        ]

    def _look_again(self, until: float, watch: Watch) -> None:
        again = {path: self._finalists(seen) for path, seen in self.seen.items()}
        left: list[Column] = [*columns({path: rows for path, rows in again.items() if rows})]
        for number in range(PROCESSES):
            measured: list[Column] = []
            if not left:
                return
            watch(f"measuring the fastest rows again ({number + 1} of {PROCESSES})")
            with self._benches.open() as bench:
                for column in left:
                    # The first column has each layer's fastest row: something is to come of it.
                    ends = time.monotonic() + self._step_s[AGAIN]
                    if (number or measured) and ends > until:
                        break
                    for seen, row, timed in self._time(bench, column, AGAIN):
                        seen.blocks.setdefault(row, []).append(timed.gain)
                        seen.packs[row] = timed.pack_bytes
                        seen.torch_s.append(timed.torch_s)
                    measured.append(column)
            left = measured

    def _finalists(self, seen: Seen) -> list[Candidate]:
        """Return what of a layer is measured again."""
        names = finalists(seen.gains, seen.packs, seen.weight_bytes)
        rows = [seen.candidates[name] for name in names if name not in seen.blocks]
        if rows and rows[0].fuses:
            rows.append(rows[0].apart())
            seen.candidates[rows[-1].name] = rows[-1]
        return rows

    def _time(
        self, bench: Timer, column: Column, asked: Asked
    ) -> Iterator[tuple[Seen, str, _Timed]]:
        """Yield what was timed of each row in a column, once for layers that are called alike."""
        configuration = {path: candidate.plans for path, candidate in column.items()}
        arms = Arm({}, self._memory_format), Arm(configuration, self._memory_format)
        began = time.monotonic()
        timings = bench.time(arms, asked)
        compiling_s = max(0.0, timings.warm_s - USUAL_WARM_S)
        self._compiling_s += compiling_s
        took_s = time.monotonic() - began - compiling_s
        self._step_s[asked] = max(self._step_s[asked], took_s)
        torch_s, row_s = timings.layers_s
        alike: dict[tuple[int, str], list[str]] = {}
        for path, candidate in column.items():
            alike.setdefault((id(self.seen[path]), candidate.name), []).append(path)
        for (_, row), paths in alike.items():
            timed = _Timed(
                gain_of([torch_s[path] for path in paths], [row_s[path] for path in paths]),
                statistics.fmean(block_time_s(torch_s[path]) for path in paths),
                timings.pack_bytes[1][paths[0]],
            )
            yield self.seen[paths[0]], row, timed

    def chosen(self) -> dict[str, Candidate]:
        """Return the row of each layer that surely gains, packs within their limit."""
        choices = {
            path: Choice(seen.weight_bytes, tuple(seen.best(self._refused[path])))
            for path, seen in self.seen.items()
        }
        return {
            path: self.seen[path].candidates[option.row]
            for path, option in within_memory(choices).items()
        }

    def refuse(self, faults: Mapping[str, str]) -> bool:
        """Take back rows that are wrong; return whether others may stand in for one of them.

        Args:
            faults: path of a layer → what is wrong with the row that was chosen for it.
        """
        chosen = self.chosen()
        for path, fault in faults.items():
            self._refused[path][chosen[path].name] = fault
        return any(self.seen[path].best(self._refused[path]) for path in faults)

    def reasons(self) -> dict[str, str]:
        """Return why the other layers stay torch's."""
        chosen = self.chosen()
        return {
            path: seen.why_left(self._refused[path])
            for path, seen in self.seen.items()
            if path not in chosen
        }


def _rows_in(column: Column) -> str:
    rows = dict.fromkeys(candidate.name for candidate in column.values())
    named = ", ".join(list(rows)[:3])
    return named if len(rows) <= 3 else f"{named}, …"
