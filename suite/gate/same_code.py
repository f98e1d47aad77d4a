"""Measures blocks in which all three arms are the same code: what `calibrate` looks at."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from suite.conditions import Scenario
from suite.gate.blocks import BlockRunner, Sides
from suite.gate.calibration import Block
from suite.gate.checkouts import Aliases
from suite.gate.decision import Request
from suite.gate.inventory import CellPair
from suite.gate.side import BASE, HEAD, NULL, Side
from suite.gate.verdict import Stage
from suite.measuring.arm import Arm
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.results.cell import Status


@dataclass
class SameCode:
    """What was measured."""

    blocks: list[Block] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    """Seconds of each block, three arms in every cell."""
    left_out: list[str] = field(default_factory=list)
    """Cells that cannot be measured, each with its reason."""
    failures: set[Status] = field(default_factory=set)
    """Their statuses."""
    interrupted: bool = False


def measure(
    scenarios: Sequence[Scenario],
    arms: Sequence[Arm],
    *,
    tree: Path,
    settings: Settings,
    count: int,
    watch: Callable[[int], None] = lambda _: None,
) -> SameCode:
    """Measure `count` blocks; Ctrl-C ends it early and keeps what was measured.

    Args:
        tree: where the implementations are.
        watch: called with the number of every block before it starts.
    """
    pairs = [
        CellPair(scenario=scenario, base=arm, head=arm) for scenario in scenarios for arm in arms
    ]
    aliases = Aliases()
    base, head, null = (Side(label, tree, aliases, settings) for label in (BASE, HEAD, NULL))
    runner = BlockRunner(pairs, Sides(base=base, head=head, null=null), settings, TimeSpent())
    measured = SameCode()
    try:
        for _ in runner.check():
            pass
        cells = _sound(runner, measured)
        for number in range(count if cells else 0):
            watch(number)
            began = time.monotonic()
            request = Request(
                stage=Stage.SCREEN, number=number, cells=cells, with_null=frozenset(cells)
            )
            measured.blocks.append(runner.measure(request))
            measured.took_s.append(time.monotonic() - began)
    except KeyboardInterrupt:
        measured.interrupted = True
    finally:
        runner.close()
        aliases.remove()
    return measured


def _sound(runner: BlockRunner, measured: SameCode) -> tuple[str, ...]:
    sound = []
    for cell, sides in runner.tallies.items():
        failed = [side for side in (sides[BASE], sides[HEAD]) if not side.alive]
        if failed:
            measured.failures.add(failed[0].status)
            measured.left_out.append(f"{cell}: {failed[0].status.value}: {failed[0].reason}")
        else:
            sound.append(cell)
    return tuple(sound)
