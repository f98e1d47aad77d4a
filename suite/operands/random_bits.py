"""Random bits by the million: every block of every scenario takes streams of them."""

from __future__ import annotations

import numpy as np
import torch

WORD_BYTES = 8


class RandomBits:
    """Fills integers with random bits, which follow from what another generator draws once.

    They come from a generator of NumPy's, which makes eight bytes in the time that torch's takes
    for one or two.
    """

    def __init__(self, generator: torch.Generator) -> None:
        (seed,) = torch.randint(2**63 - 1, (1,), generator=generator).tolist()
        self._words = np.random.Generator(np.random.SFC64(seed))

    def fill(self, integers: torch.Tensor) -> torch.Tensor:
        """Fill a dense tensor, in which every value of its type is as likely; return it."""
        into = integers.view(-1).view(torch.uint8).numpy()
        count = -(-into.size // WORD_BYTES)
        words = self._words.integers(2**64 - 1, size=count, dtype=np.uint64, endpoint=True)
        into[:] = words.view(np.uint8)[: into.size]
        return integers
