"""Samples of a weight's values: they show a write past torch's version counter.

`weight.data.mul_(2)`, a numpy view and another process that shares the memory all write without
telling. A small weight is compared as a whole in each call; of a larger one a few elements are, at
other places each time. So a write to all of a weight is found by the next call, and one to a single
element of a large one maybe never: for that there is `refresh`.
"""

from __future__ import annotations

import ctypes
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

_WORDS = {4: ctypes.c_uint32, 8: ctypes.c_uint64}


def samples_of(weight: torch.Tensor) -> Iterator[Sample]:
    """Return samples to be compared in turn, without end.

    Nothing of torch's is kept, and nothing changed about the weight: `weight.numpy()` would forbid
    others to resize its storage. So who compares a sample sees to it that the memory is still the
    weight's.

    Args:
        weight: on the CPU and not empty, its elements of 4 or 8 bytes next to each other.
    """
    words = _WORDS[weight.element_size()] * weight.numel()
    elements = memoryview(words.from_address(weight.data_ptr()))
    if elements.nbytes <= WHOLE_BYTES:
        views = [elements]
    else:
        step = len(elements) // PER_CALL
        places = min(step, MOST_PLACES)
        views = [elements[place * step // places :: step] for place in range(places)]
    return itertools.cycle([(view, view.tobytes()) for view in views])
