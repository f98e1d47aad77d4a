"""Samples of a weight's values: they show a write past torch's version counter.

`weight.data.mul_(2)`, a numpy view and another process that shares the memory all write without
telling. A small weight is compared as a whole in each call; of a larger one a few elements are, at
other places each time. So a write to all of a weight is found by the next call, and one to a single
element of a large one maybe never: for that there is `refresh`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch

WHOLE_BYTES = 4096
"""Up to so many are compared at once."""
PER_CALL = 8
"""Elements of a larger weight that one call looks at, spread evenly."""
MOST_PLACES = 64
"""Sets of such elements, which calls look at in turn."""

Sample = tuple[memoryview, bytes]
"""A view of the weight's memory, and what is in it as long as nobody writes there."""


def samples_of(weight: torch.Tensor) -> Iterator[Sample]:
    """Return samples to be compared in turn, without end.

    The views keep the weight's memory.

    Args:
        weight: on the CPU, its elements next to each other in some order.
    """
    in_memory_order = weight.detach().as_strided((weight.numel(),), (1,))
    elements = in_memory_order.numpy().data
    if elements.nbytes <= WHOLE_BYTES:
        views = [elements]
    else:
        step = len(elements) // PER_CALL
        places = min(step, MOST_PLACES)
        views = [elements[place * step // places :: step] for place in range(places)]
    return itertools.cycle([(view, view.tobytes()) for view in views])
