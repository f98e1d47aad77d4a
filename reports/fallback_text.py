"""What is said where torch computes a 16-bit type the slow way, for want of a faster one here."""

from __future__ import annotations

from collections.abc import Iterable

from suite.results.cell import CellResult
from suite.results.kernels import is_fallback, served_by


def sentence(results: Iterable[CellResult]) -> str:
    """Return in how many scenarios the reference fell back to which kernels, or an empty text."""
    kernels: dict[str, int] = {}
    dtypes: dict[str, None] = {}
    references = 0
    for result in results:
        if not _is_reference_in_16_bit(result):
            continue
        references += 1
        kernel = served_by(result.vendor, result.ran, result.operators or ())
        if kernel and is_fallback(kernel):
            kernels[kernel] = kernels.get(kernel, 0) + 1
            dtypes[result.scenario.dtype] = None
    if not kernels:
        return ""
    named = ", ".join(sorted(kernels, key=lambda kernel: (-kernels[kernel], kernel)))
    return (
        f"torch fell back to its slow kernels in {' and '.join(dtypes)} ({named}), in "
        f"{sum(kernels.values())} of {references} scenarios: on this processor none of its fast "
        "ones computes that, and it takes many times what float32 takes. Speed-ups over it say "
        "nothing about processors that have instructions for it."
    )


def _is_reference_in_16_bit(result: CellResult) -> bool:
    return result.scenario.is_sixteen_bit_on_cpu and result.implementation == result.reference
