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
ONEDNN = "oneDNN"
_WORKING = ("convolution", "deconvolution", "matmul", "inner_product")
"""Kinds of oneDNN's primitives that compute."""
_PRODUCTS = ("bmm", "baddbmm", "mm", "addmm", "mv", "addmv")
"""torch's operators that multiply matrices."""
_FALLBACKS = re.compile(rf"slow_conv|thnn_conv|^{ONEDNN} (\w+ )?ref\b")
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
    """Return what oneDNN's verbose lines say of a call; None where it computed nothing.

    A convolution tells more than the matrix products beside it.

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
    working = [name for kind in _WORKING for name in kernels if name.startswith(kind)]
    if not working:
        return None
    return WhatRan(
        kernels=tuple(kernels),
        algorithm=f"{ONEDNN} {working[0].removeprefix('convolution ')}",
        layout_conversions=sum(name.startswith("reorder") for name in kernels),
    )


def served_by(vendor: str | None, ran: WhatRan | None, operators: Sequence[str]) -> str | None:
    """Return the kernel that did the work of a call on a CPU; None where torch's tell of none.

    It is "oneDNN brgconv:avx512_core_amx", "slow_conv_dilated2d" or "bmm".

    Args:
        vendor: the convolution of torch's own that ran.
        operators: names of torch's operators.
    """
    if ran and ran.algorithm and ran.algorithm.startswith(ONEDNN):
        return ran.algorithm
    return vendor or next((name for name in operators if name in _PRODUCTS), None)


def is_fallback(kernel: str) -> bool:
    """Return whether a kernel computes 16-bit types only because no other one does.

    torch's own convolutions multiply matrices of 16-bit numbers, each converted when it is read;
    oneDNN's reference multiplies one number after the other.
    """
    return bool(_FALLBACKS.search(kernel))
