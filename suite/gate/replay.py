"""Drive a decision along blocks that were measured before."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from suite.gate.decision import CellTimes, Decision, Request


def replay(decision: Decision, blocks: Iterable[Mapping[str, CellTimes]]) -> list[Request]:
    """Feed `blocks` in order until the decision wants no more or they end.

    Of each block it gets what it would have measured: the cells it asks for, the null arm where
    it asks for that.

    Returns:
        What it asked for, one request a block that was used.
    """
    asked = []
    for block in blocks:
        request = decision.next_block()
        if request is None:
            break
        decision.add(
            {cell: _as_asked(block, cell, request) for cell in request.cells if cell in block}
        )
        asked.append(request)
    return asked


def _as_asked(block: Mapping[str, CellTimes], cell: str, request: Request) -> CellTimes:
    times = block[cell]
    return times if cell in request.with_null else dataclasses.replace(times, null_s=None)
