"""Memory that calls keep is a leak; what the suite itself holds at that moment is none."""

from __future__ import annotations

import pytest

from suite.conditions import Scenario
from suite.problem import Problem
from suite.worker import side_effects
from suite.worker.outputs import OutputFault

MIB = 2**20
PROBLEM = Problem.of_call((1, 48, 112, 112), (48, 1, 1, 1), groups=48)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the process holds, in bytes; the last entry counts."""
    bytes_held = [100 * MIB]
    monkeypatch.setattr(side_effects, "own_bytes", lambda _=None: bytes_held[-1])
    return bytes_held


def warmed() -> side_effects.Watch:
    watched = side_effects.Watch()
    watched.warmed(Scenario(id="s", problem=PROBLEM))
    watched.count(8)
    return watched


def test_a_batch_of_operands_and_outputs_is_no_leak(held):
    watched = warmed()
    batch_bytes = 16 * 4 * PROBLEM.output_elements
    held.append(held[0] + batch_bytes)
    watched.require_no_growth(batch_bytes)


def test_what_calls_keep_is_a_leak_whatever_is_held_beside_it(held):
    watched = warmed()
    held.append(held[0] + 50 * MIB + 16 * MIB)
    with pytest.raises(OutputFault, match="memory grew by 50 MiB over 8 calls"):
        watched.require_no_growth(16 * MIB)


def test_on_cuda_the_card_s_memory_counts_and_not_the_driver_s_on_the_host(held, monkeypatch):
    on_card = [100 * MIB]
    monkeypatch.setattr(side_effects.torch.cuda, "memory_allocated", lambda: on_card[-1])
    watched = side_effects.Watch()
    watched.warmed(Scenario(id="s", problem=PROBLEM, device="cuda"))
    watched.count(8)

    held.append(held[0] + 200 * MIB)
    watched.require_no_growth(0)
    on_card.append(150 * MIB)
    with pytest.raises(OutputFault, match="memory grew by 50 MiB over 8 calls"):
        watched.require_no_growth(0)
