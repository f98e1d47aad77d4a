"""Who judges the sides of a gate: one judge for all, or of networks each side's own.

Two revisions of a model are two definitions of what is right. Each judge draws from the same seed,
so that both sides are given the same inputs.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping

from suite.conditions import Scenario
from suite.measuring.judge_client import JUDGE_OF_NETWORKS, JudgeClient
from suite.measuring.losses import Lost
from suite.measuring.settings import Settings
from suite.measuring.time_spent import TimeSpent
from suite.processes.shared_memory import OperandLayout, SharedMemory

SEED_BITS = 63


class Judges:
    """The judges of a gate run.

    Args:
        labels: of the sides, that of each with the label of the one whose judge is its own too.
        of_networks: whether networks are judged, each side by a judge of its own.
    """

    def __init__(
        self,
        settings: Settings,
        time_spent: TimeSpent,
        labels: Mapping[str, str],
        *,
        of_networks: bool,
    ) -> None:
        process = {"process": JUDGE_OF_NETWORKS} if of_networks else {}
        owners = set(labels.values()) if of_networks else {""}
        self._judges = {owner: JudgeClient(settings, time_spent, **process) for owner in owners}
        self._owners = {label: owner if of_networks else "" for label, owner in labels.items()}

    def of(self, label: str) -> JudgeClient:
        """Return the judge of a side's outputs."""
        return self._judges[self._owners[label]]

    @contextlib.contextmanager
    def opened(self, scenarios: Mapping[str, Scenario]) -> Iterator[dict[str, SharedMemory]]:
        """Have the judges map a scenario's operands; give those that each side is to map.

        Args:
            scenarios: as each side has it, by label.
        """
        with contextlib.ExitStack() as stack:
            memories = {}
            for owner, judge in self._judges.items():
                scenario = next(scenarios[at] for at, by in self._owners.items() if by == owner)
                shared = SharedMemory(OperandLayout(scenario).size_bytes)
                memories[owner] = stack.enter_context(shared)
                judge.open(scenario, shared)
            yield {label: memories[owner] for label, owner in self._owners.items()}

    def draw(self, kind: str) -> None:
        """Draw gate inputs, the same for all."""
        seed = secrets.randbits(SEED_BITS)
        for judge in self._judges.values():
            judge.draw(kind, seed)

    def draw_block(self) -> str:
        """Draw a block's operands and streams, the same for all; return the seed in hexadecimal."""
        seed = secrets.randbits(SEED_BITS)
        for judge in self._judges.values():
            drawn_from = judge.draw_block(seed)
        return drawn_from

    def forget_results(self) -> None:
        """Have all let go of the workers' memory, also where one of them is lost."""
        lost = None
        for judge in self._judges.values():
            try:
                judge.forget_results()
            except Lost as error:
                lost = error
        if lost is not None:
            raise lost

    def close(self) -> None:
        for judge in self._judges.values():
            judge.close()
