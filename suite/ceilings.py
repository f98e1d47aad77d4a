"""What this machine reaches at best: a large matrix product, and copies in memory and in cache."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from suite.inputs import DTYPES
from suite.result import Ceiling

PRODUCT_SIZE = {"float64": 1024}
PRODUCT_SIZE_DEFAULT = 1536
MEMORY_BYTES = 96 * 2**20
CACHE_BYTES = 256 * 2**10
REPEATS = 3


def measure(device: str, dtype: str) -> Ceiling:
    """Measure the ceilings for one device and dtype on torch's threads; takes about 0.5 s."""
    kind = DTYPES[dtype]
    size = PRODUCT_SIZE.get(dtype, PRODUCT_SIZE_DEFAULT)
    a = torch.randn(size, size, device=device).to(kind)
    b = torch.randn(size, size, device=device).to(kind)
    product_s = _best_s(lambda: torch.mm(a, b), device, 1)
    return Ceiling(
        peak_flops_per_s=2 * size**3 / product_s,
        memory_bytes_per_s=_copy_rate(MEMORY_BYTES, device, 1),
        cache_bytes_per_s=_cache_rate(device),
    )


def _cache_rate(device: str) -> float:
    """Return the rate of all threads' caches, from one: a parallel region as short as this waits
    for its slowest thread, and on a busy machine measures nothing else."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return threads * max(_copy_rate(CACHE_BYTES, device, 20) for _ in range(REPEATS))
    finally:
        torch.set_num_threads(threads)


def _copy_rate(size_bytes: int, device: str, calls: int) -> float:
    source = torch.randn(size_bytes // 4, device=device)
    target = torch.empty_like(source)
    return 2 * size_bytes / _best_s(lambda: target.copy_(source), device, calls)


def _best_s(call: Callable[[], object], device: str, calls: int) -> float:
    call()
    best_s = float("inf")
    for _ in range(REPEATS):
        _synchronise(device)
        start = time.perf_counter()
        for _ in range(calls):
            call()
        _synchronise(device)
        best_s = min(best_s, (time.perf_counter() - start) / calls)
    return best_s


def _synchronise(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
