"""What a product with a denormal number takes here: processors differ by two orders of magnitude.

Intel's multiply such numbers by microcode, some 150 cycles for an instruction that meets one (A.
Fog, The microarchitecture of Intel, AMD and VIA CPUs); AMD's as fast as any other.
"""

from __future__ import annotations

import time

import torch

from suite.messages.judge import DenormalCost

ELEMENTS = 2**15
"""128 KiB each for input and output: a core's second cache holds both."""
CALLS = 7
"""The least counts: the first one fetches the operands."""


def probe() -> DenormalCost:
    """Time float32 products by one thread, of normal and of denormal numbers with a normal one."""
    generator = torch.Generator().manual_seed(1)
    normal = torch.rand(ELEMENTS, generator=generator) + 1
    least = torch.finfo(torch.float32).tiny
    denormal = (normal.double() / 2 * least).float()  # by way of float64: no flushing on the way
    return DenormalCost(
        normal_s=_product_s(normal),
        denormal_s=_product_s(denormal),
        flushes=not bool((denormal * 0.75).any()),
    )


def _product_s(values: torch.Tensor) -> float:
    """Return the seconds of one product."""
    products = torch.empty_like(values)
    spans_s = []
    for _ in range(CALLS):
        start = time.perf_counter()
        torch.mul(values, 0.75, out=products)
        spans_s.append(time.perf_counter() - start)
    return min(spans_s) / ELEMENTS
