"""Where the operands of timed calls begin in the block's two streams."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from suite.conditions import Scenario
from suite.messages.worker import Start
from suite.processes.shared_memory import STREAM_SLACK
from suite.workload import network_of

SEED_BITS = 63
INPUTS_A_BLOCK = 2
"""Of a network: each takes a pass in float64, longer than a call."""
_WORD_BYTES = 4


class Starts:
    """Draws starts that follow from a secret seed, and that no one foretells from earlier ones.

    They come out of a hash: the state of `random.Random` can be computed from some hundred
    starts that a worker was given, and with it the operands of calls to come.
    """

    def __init__(self, few: Sequence[Start] = ()) -> None:
        """Begin.

        Args:
            few: the only ones that there are, where what they demand takes long to compute.
        """
        self.seed = secrets.randbits(SEED_BITS)
        self._taken = 0
        self._few = few

    def take(self, count: int) -> tuple[Start, ...]:
        """Return the next `count` starts."""
        key = f"{self.seed:016x}/{self._taken}".encode()
        self._taken += 1
        drawn = hashlib.shake_128(key).digest(2 * count * _WORD_BYTES)
        words = [
            int.from_bytes(drawn[at : at + _WORD_BYTES]) % STREAM_SLACK
            for at in range(0, len(drawn), _WORD_BYTES)
        ]
        drawn_starts = zip(words[::2], words[1::2], strict=True)
        if self._few:
            return tuple(self._few[first % len(self._few)] for first, _ in drawn_starts)
        return tuple(drawn_starts)


def few_starts(scenario: Scenario) -> tuple[Start, ...]:
    """Return the only starts of a block of a network; none where all of them are to be had."""
    return Starts().take(INPUTS_A_BLOCK) if network_of(scenario) else ()
