"""What this machine reaches at best: large products, and copies in memory and in cache."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from suite.conditions import SIXTEEN_BIT
from suite.operands.tensors import DTYPES
from suite.processes import free_memory
from suite.results.cell import Ceiling

REPEATS = 3
MARGIN = 1.2
"""Of memory: libraries take some of their own."""
MOST_PRODUCT_S = 0.1
"""Of one product, as a small one lets expect it; what would take longer is made smaller."""
SMALLER = (1, 2, 4)
"""By what a product's side may be divided, and by SMALLEST for the first."""
SMALLEST = 8


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    """Work that is large for one kind of device, and takes it a moment only."""

    product: int
    product_float64: int
    product_calls: int
    memory_bytes: int
    cache_bytes: int
    cache_calls: int


_CPU = _Sizes(
    product=1536,
    product_float64=1024,
    product_calls=1,
    memory_bytes=96 * 2**20,
    cache_bytes=256 * 2**10,
    cache_calls=20,
)
# For a card with 50 MB of L2 cache: the copies move forty times as much, and a third of it.
_CUDA = _Sizes(
    product=8192,
    product_float64=4096,
    product_calls=3,
    memory_bytes=2**30,
    cache_bytes=8 * 2**20,
    cache_calls=50,
)


def has_room(device: str) -> bool:
    """Return whether there is memory to measure them without meeting a limit."""
    if device.startswith("cuda"):
        return True  # the card's own, which this process has to itself while it measures
    needed = 2 * _CPU.memory_bytes + 3 * 4 * _CPU.product**2
    return MARGIN * needed < free_memory.available_bytes()


def measure(device: str, dtype: str, precision: str | None = None) -> Ceiling:
    """Measure the ceilings for one device and dtype on torch's threads; takes about 0.5 s.

    A row may compute 16-bit types in float32: on a CPU the higher of the two counts.

    Args:
        precision: the lower one that an implementation declares; its product counts if it is
            faster than the dtype's own.
    """
    sizes = _CUDA if device.startswith("cuda") else _CPU
    if device.startswith("cuda"):
        torch.cuda.set_device(torch.device(device) if ":" in device else torch.device("cuda:0"))
    rates = [_product_rate(device, dtype, sizes)]
    if not device.startswith("cuda"):
        wide = "float32" if dtype in SIXTEEN_BIT else dtype
        rates.append(_convolution_rate(wide))
        if dtype in SIXTEEN_BIT:
            rates.append(_product_rate(device, wide, sizes))
            if rates[0] > rates[-1]:  # without instructions for it a convolution takes seconds
                rates.append(_convolution_rate(dtype))
    if precision in DTYPES:
        rates.append(_product_rate(device, precision, sizes))
    elif precision == "tf32" and device.startswith("cuda"):
        with _tf32():
            rates.append(_product_rate(device, dtype, sizes))
    ceiling = Ceiling(
        peak_flops_per_s=max(rates),
        memory_bytes_per_s=_copy_rate(sizes.memory_bytes, device, 1),
        cache_bytes_per_s=_cache_rate(device, sizes),
    )
    if device.startswith("cuda"):
        torch.cuda.empty_cache()  # the workers need it
    return ceiling


def _product_rate(device: str, dtype: str, sizes: _Sizes) -> float:
    """Return the rate of a large product, or of the largest that takes a moment only.

    A processor without instructions for 16-bit types does 2 GFLOP/s in them: the large product
    would keep it busy for half a minute.
    """
    size = sizes.product_float64 if dtype == "float64" else sizes.product
    rate = _rate_of_side(size // SMALLEST, device, dtype, sizes.product_calls)
    for divisor in SMALLER:
        side = size // divisor
        if 2 * side**3 / rate <= MOST_PRODUCT_S:
            return max(rate, _rate_of_side(side, device, dtype, sizes.product_calls))
    return rate


def _rate_of_side(side: int, device: str, dtype: str, calls: int) -> float:
    # Random, not zeros: those take less power, and a card clocks higher on them.
    a = torch.randn(side, side, device=device).to(DTYPES[dtype])
    b = torch.randn(side, side, device=device).to(DTYPES[dtype])
    return 2 * side**3 / _best_s(lambda: torch.mm(a, b), device, calls)


def _convolution_rate(dtype: str) -> float:
    """Return the rate of a deep convolution by the vendor's library.

    MKL's products take slower code on other makers' CPUs: 215 GFLOP/s on two cores of an AMD EPYC
    with AVX-512, where oneDNN's convolutions reach 490.
    """
    channels, size, kernel = 256, 56, 3
    x = torch.randn(1, channels, size, size).to(DTYPES[dtype])
    weight = torch.randn(channels, channels, kernel, kernel).to(DTYPES[dtype])
    flops = 2 * channels**2 * kernel**2 * size**2
    x, weight = (t.contiguous(memory_format=torch.channels_last) for t in (x, weight))
    return flops / _best_s(lambda: F.conv2d(x, weight, padding=1), "cpu", 1)


@contextlib.contextmanager
def _tf32() -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _cache_rate(device: str, sizes: _Sizes) -> float:
    """Return the rate of a device's cache; of a CPU's caches, from one thread: a parallel region
    as short as this waits for its slowest thread, and on a busy machine measures nothing else."""
    if device.startswith("cuda"):
        return max(_copy_rate(sizes.cache_bytes, device, sizes.cache_calls) for _ in range(REPEATS))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rates = [_copy_rate(sizes.cache_bytes, device, sizes.cache_calls) for _ in range(REPEATS)]
        return threads * max(rates)
    finally:
        torch.set_num_threads(threads)


def _copy_rate(size_bytes: int, device: str, calls: int) -> float:
    source = torch.randn(size_bytes // 4, device=device)
    target = torch.empty_like(source)
    return 2 * size_bytes / _best_s(lambda: target.copy_(source), device, calls)


def _best_s(call: Callable[[], object], device: str, calls: int) -> float:
    call()
    span = _cuda_span_s if device.startswith("cuda") else _cpu_span_s
    return min(span(call, calls) for _ in range(REPEATS)) / calls


def _cpu_span_s(call: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - start


def _cuda_span_s(call: Callable[[], object], calls: int) -> float:
    """Time between events, the card kept waiting until all calls are enqueued."""
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    torch.cuda._sleep(4_000_000)  # some 2 ms, for at most 50 launches
    begin.record()
    for _ in range(calls):
        call()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) * 1e-3
