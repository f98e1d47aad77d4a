"""Work that is shared among threads by a compiled function, called by its address."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest
import torch

from impls import _parallel
from impls._launch import BIAS, INPUT, OUTPUT, RESIDUAL, Given, Scratch
from impls._numba import part, template
from impls._openmp import OF_TORCH
from impls._parallel import OnThreads
from tests.conftest import ROOT


@pytest.fixture(params=["torch's threads", "Numba's threads"])
def pool(request, monkeypatch):
    """Where compiled functions get their threads from."""
    if request.param == "Numba's threads":
        monkeypatch.setattr(_parallel, "OF_TORCH", None)
    elif OF_TORCH is None:
        pytest.skip("torch has another pool than an OpenMP library of Linux's convention")


def scale(step, worker, threads, sizes, arrays):
    """y = (step + 1)·factor·x + y, each worker its part; `calls` counts its calls."""
    (factor,) = sizes
    x, y, calls = arrays
    first, last = part(len(x), worker, threads)
    for i in range(first, last):
        y[i] += (step + 1) * factor * x[i]
    calls[worker] += 1


def reverse_twice(step, worker, threads, sizes, arrays):
    """Reverse x into y in the first step and y into z in the next one."""
    source, target = arrays[step], arrays[step + 1]
    first, last = part(len(source), worker, threads)
    for i in range(first, last):
        target[len(source) - 1 - i] = source[i]


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_every_worker_does_its_share_once_a_step(threads, pool):
    x, y, calls = numpy.arange(20.0), numpy.zeros(20), numpy.zeros(threads, dtype=int)
    OnThreads(scale)(threads, (2,), (x, y, calls), (0, 3))
    assert y.tolist() == (2 * (1 + 2 + 3) * x).tolist()
    assert calls.tolist() == [3] * threads


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_step_begins_when_all_workers_have_done_the_one_before(threads, pool):
    arrays = numpy.arange(1000.0), numpy.zeros(1000), numpy.zeros(1000)
    OnThreads(reverse_twice)(threads, (), arrays, (0, 2))
    assert arrays[2].tolist() == arrays[0].tolist()


def test_the_same_function_takes_other_types_in_the_next_call(pool):
    scaling = OnThreads(scale)
    calls = numpy.zeros(2, dtype=int)
    for dtype in ("float32", "float64", "float32"):
        for layout in (slice(None), slice(None, None, 2)):  # neighbours, and with gaps
            x, y = numpy.arange(40, dtype=dtype)[layout], numpy.zeros(40, dtype=dtype)[layout]
            for factor in (3, 5):
                y[:] = 0
                scaling(2, (factor,), (x, y, calls))
                assert y.tolist() == (factor * x).tolist()


def add_up(step, worker, threads, sizes, arrays):
    """y = factor·x + bias + y's residual, by way of what each worker has to itself."""
    (factor,) = sizes
    weights, x, bias, shared, rows, y, residual = arrays
    first, last = part(len(x), worker, threads)
    for i in range(first, last):
        if step == 0:
            rows[worker, i] = factor * weights[i] * x[i]
            shared[i] = bias[i]
        else:
            y[i] = rows[worker, i] + shared[i] + residual[i]


def laid_out(length, most_threads=None):
    dtype = numpy.dtype("float64")
    arrays = (
        numpy.full(length, 2.0),
        Given(INPUT, dtype, length),
        Given(BIAS, dtype, length),
        Scratch(dtype, length, rows=1, is_flat=True),
        Scratch(dtype, length),
        Given(OUTPUT, dtype, length),
        Given(RESIDUAL, dtype, length),
    )
    like = template((length,), torch.float64, False)
    return OnThreads(add_up).laid_out((5,), arrays, (0, 2), most_threads, like)


@pytest.mark.parametrize("most_threads", [None, 1])
@pytest.mark.parametrize("length", [1, 7, 1000])
def test_a_call_that_was_laid_out_takes_the_tensors_that_it_is_given(pool, length, most_threads):
    launch = laid_out(length, most_threads)
    for _ in range(3):
        x, bias, residual = torch.randn(3, length, dtype=torch.float64)
        assert torch.equal(launch(x, bias, residual), 10 * x + bias + residual)


def test_without_a_residual_the_output_stands_for_it(pool):
    x, bias, y = torch.randn(3, 9, dtype=torch.float64)
    wanted = 10 * x + bias + y
    assert laid_out(9)(x, bias, output=y) is y
    assert torch.equal(y, wanted)


def test_several_python_threads_may_use_one_launch(pool):
    launch = laid_out(300)

    def wrong(seed):
        generator = torch.Generator().manual_seed(seed)
        x, bias, added = torch.randn(3, 300, dtype=torch.float64, generator=generator)
        return not torch.equal(launch(x, bias, added), 10 * x + bias + added)

    with ThreadPoolExecutor(4) as executor:
        assert sum(executor.map(wrong, range(400))) == 0


@pytest.mark.parametrize("number", range(3))
def test_a_tensor_whose_gradient_is_asked_for_is_refused(number):
    operands = list(torch.randn(3, 9, dtype=torch.float64))
    operands[number].requires_grad_()
    with pytest.raises(RuntimeError, match="grad"):
        laid_out(9)(*operands)
    with torch.no_grad():
        laid_out(9)(*operands)


SMALLER_TEAM = f"""\
import sys
import numpy
import tests
sys.path.insert(0, {str(Path(__file__).parent)!r})
from {__name__} import OnThreads, scale
calls, x = numpy.zeros(3, dtype=int), numpy.arange(6.0)
OnThreads(scale)(3, (1,), (x, numpy.zeros(6), calls), (0, 2))
print(calls.tolist())
"""
ONE_LIBRARY = """\
import torch
from impls.direct_packed import direct_packed
torch.set_num_threads(2)
x, w = torch.randn(1, 64, 20, 20), torch.randn(64, 64, 3, 3)
torch.nn.functional.conv2d(x, w)
direct_packed(x, w)
print(len({line.split()[-1] for line in open("/proc/self/maps") if "gomp" in line}))
"""


def printed(code, **variables):
    """Return what a script prints in a process of its own."""
    environment = {**os.environ, **variables}
    completed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return completed.stdout


def test_threads_of_a_smaller_team_than_was_asked_for_stand_for_several_workers():
    assert printed(SMALLER_TEAM, OMP_THREAD_LIMIT="2") == "[2, 2, 2]\n"


@pytest.mark.skipif(OF_TORCH is None, reason="torch's threads cannot be had here")
def test_a_compiled_row_brings_no_other_pool_of_threads():
    assert printed(ONE_LIBRARY) == "1\n"
