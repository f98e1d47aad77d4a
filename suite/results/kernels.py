"""What ran: from the names of GPU kernels, or of oneDNN's primitives, to an algorithm's name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from suite.ranges import Count

# Names as cuDNN 9, CUTLASS, cuBLAS, ATen and Inductor write them; they change with generations.
_CONVERSIONS = re.compile(
    r"(nchw|nhwc)(2|_?to_?)(folded)?(nchw|nhwc)|AddPaddingKernel|nhwcSliceC"
    r"|tensorTransform|transpose\w*_?kernel",
    re.I,
)
_COPIES = re.compile(r"direct_copy_kernel|copy_device_to_device|CatArrayBatchedCopy|elementwise")
"""Their names would pass for algorithms ("direct"); they compute none."""
_NOT_KERNELS = ("Memcpy", "Memset", "[CUDA memcpy", "[CUDA memset")
# The first that matches, from the most specific on.
_ALGORITHMS = (
    (re.compile(r"winograd", re.I), "winograd"),
    (re.compile(r"fft", re.I), "fft"),
    (re.compile(r"depthwise|dgrouped_direct|conv2d_c1_k1", re.I), "depthwise"),
    (re.compile(r"implicit_?gemm|implicit_convolve|_igemm|fprop|dgrad|wgrad|_[sdhi]\d*cudnn_"
                r"|triton_tem_.*conv", re.I), "implicit gemm"),
    (re.compile(r"direct|convolve_", re.I), "direct"),
    (re.compile(r"im2col|vol2col|unfold", re.I), "im2col"),
    (re.compile(r"gemm|gemv|cutlass|_mm_|_bmm_|s\d+gemm|^nvjet", re.I), "gemm"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class WhatRan:
    """The kernels of one call in order, and what their names say."""

    kernels: tuple[str, ...]
    algorithm: str | None
    layout_conversions: Count
    """Kernels that only change the layout: NCHW to NHWC or back, oneDNN's reorders."""

    @property
    def sentence(self) -> str:
        conversions = self.layout_conversions
        added = f", with {conversions} layout conversions" if conversions else ""
        return f"ran {self.algorithm or 'an algorithm its kernels do not name'}{added}"


def what_ran(names: Sequence[str]) -> WhatRan | None:
    """Return what a call's kernels say; None where none was seen."""
    kernels = tuple(name for name in names if not name.startswith(_NOT_KERNELS))
    if not kernels:
        return None
    conversions = [name for name in kernels if _CONVERSIONS.search(name)]
    working = [name for name in kernels if name not in conversions and not _COPIES.search(name)]
    algorithms = (
        algorithm
        for pattern, algorithm in _ALGORITHMS
        if any(pattern.search(name) for name in working)
    )
    return WhatRan(
        kernels=kernels,
        algorithm=next(algorithms, None),
        layout_conversions=len(conversions),
    )


def onednn_ran(verbose: str) -> WhatRan | None:
    """Return what oneDNN's verbose lines say of a call; None where it computed no convolution.

    A line is "onednn_verbose[,v1][,primitive],exec,cpu,KIND,IMPLEMENTATION,...": the fields around
    changed between versions, the order of these did not.
    """
    kernels = []
    for line in verbose.splitlines():
        fields = line.split(",")
        if not fields[0].startswith(("onednn_verbose", "dnnl_verbose")) or "exec" not in fields:
            continue
        kind, implementation = fields[fields.index("exec") + 2 :][:2]
        kernels.append(f"{kind} {implementation}")
    convolutions = [name for name in kernels if name.startswith("convolution")]
    if not convolutions:
        return None
    return WhatRan(
        kernels=tuple(kernels),
        algorithm=f"oneDNN {convolutions[0].removeprefix('convolution ')}",
        layout_conversions=sum(name.startswith("reorder") for name in kernels),
    )
