"""Work that is shared among threads by a compiled function, called by its address."""

from __future__ import annotations

import numpy
import pytest

from impls._numba import part
from impls._parallel import OnThreads


@OnThreads
def scale(step, worker, threads, sizes, arrays):
    """y = (step + 1)·factor·x + y, each worker its part; `calls` counts its calls."""
    (factor,) = sizes
    x, y, calls = arrays
    first, last = part(len(x), worker, threads)
    for i in range(first, last):
        y[i] += (step + 1) * factor * x[i]
    calls[worker] += 1


@OnThreads
def reverse_twice(step, worker, threads, sizes, arrays):
    """Reverse x into y in the first step and y into z in the next one."""
    source, target = arrays[step], arrays[step + 1]
    first, last = part(len(source), worker, threads)
    for i in range(first, last):
        target[len(source) - 1 - i] = source[i]


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_every_worker_does_its_share_once_a_step(threads):
    x, y, calls = numpy.arange(20.0), numpy.zeros(20), numpy.zeros(threads, dtype=int)
    scale(threads, (2,), (x, y, calls), (0, 3))
    assert y.tolist() == (2 * (1 + 2 + 3) * x).tolist()
    assert calls.tolist() == [3] * threads


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_step_begins_when_all_workers_have_done_the_one_before(threads):
    arrays = numpy.arange(1000.0), numpy.zeros(1000), numpy.zeros(1000)
    reverse_twice(threads, (), arrays, (0, 2))
    assert arrays[2].tolist() == arrays[0].tolist()


def test_the_same_function_takes_other_types_in_the_next_call():
    calls = numpy.zeros(2, dtype=int)
    for dtype in ("float32", "float64", "float32"):
        for layout in (slice(None), slice(None, None, 2)):  # neighbours, and with gaps
            x, y = numpy.arange(40, dtype=dtype)[layout], numpy.zeros(40, dtype=dtype)[layout]
            for factor in (3, 0.5):
                y[:] = 0
                scale(2, (factor,), (x, y, calls))
                assert y.tolist() == (factor * x).tolist()
