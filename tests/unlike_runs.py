"""Two runs that are alike but for one thing: each kind of thing that keeps times apart."""

from __future__ import annotations

import dataclasses
from typing import Any

from suite.results.comparable import kept_variables
from suite.results.folder import Run

MACHINE: dict[str, Any] = {
    "cpu": "AMD EPYC 7B13",
    "flags": " ".join(f"flag{number}" for number in range(60)),
    "cores": 2,
    "cpu_quota": None,
    "caches": {"L1": "32K", "L2": "512K"},
    "governor": "performance",
    "gpu": None,
    "os": "Debian GNU/Linux 12",
    "python": "3.11.2",
    "torch": "2.13.0+cpu",
    "torch_build": "GCC 11.2, oneDNN v3.7.1, " + ", ".join(f"flag{n}=1" for n in range(20)),
    "cpu_capability": "AVX2",
    "threads": 2,
    "gpu_driver": None,
    "cuda": None,
    "cudnn": None,
    "triton": None,
    "numba": "0.61.0",
}
VARIABLES = {"OMP_PROC_BIND": "close", "TORCH_HOME": "/models"}

FACTS: dict[str, tuple[Any, str]] = {
    "cpu": ("Graviton 4", "cpu AMD EPYC 7B13 and Graviton 4"),
    "flags": (MACHINE["flags"] + " avx512f", "flags … and … avx512f"),
    "cores": (4, "cores 2 and 4"),
    "cpu_quota": (1.5, "cpu quota none and 1.5"),
    "caches": ({"L1": "32K", "L2": "1024K"}, "L2 512K and L1 32K, L2 1024K"),
    "governor": ("powersave", "governor performance and powersave"),
    "gpu": ("NVIDIA H100", "gpu none and NVIDIA H100"),
    "os": ("Linux 6.6.0", "os Debian GNU/Linux 12 and Linux 6.6.0"),
    "python": ("3.12.0", "python 3.11 and 3.12"),
    "torch": ("2.12.0+cpu", "torch 2.13.0+cpu and 2.12.0+cpu"),
    "torch_build": (
        MACHINE["torch_build"].replace("v3.7.1", "v3.5.3"),
        "torch build … v3.7.1 and … v3.5.3",
    ),
    "cpu_capability": ("AVX512", "cpu capability AVX2 and AVX512"),
    "threads": (1, "threads 2 and 1"),
    "numba": ("0.60.0", "numba 0.61.0 and 0.60.0"),
}
"""Fact → another value, and how it is told."""

ENVIRONMENTS: dict[str, tuple[dict[str, str], str]] = {
    variable: ({**VARIABLES, variable: value}, f"{variable} unset and {value}")
    for variable, value in {
        "OMP_WAIT_POLICY": "active",
        "GOMP_SPINCOUNT": "0",
        "KMP_BLOCKTIME": "200",
        "MKL_NUM_THREADS": "1",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "DNNL_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "LD_PRELOAD": "libjemalloc.so",
        "NUMBA_OPT": "0",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1",
        "ATEN_CPU_CAPABILITY": "default",
        "PYTORCH_CUDA_ALLOC_CONF": "backend:cudaMallocAsync",
    }.items()
} | {"OMP_PROC_BIND": ({"TORCH_HOME": "/models"}, "OMP_PROC_BIND close and unset")}
"""Variable → an environment that differs in it, and how that is told."""

KINDS = (*FACTS, *ENVIRONMENTS)


def told(run: Run, **machine: Any) -> Run:
    """Return a run whose manifest tells everything."""
    return dataclasses.replace(
        run,
        manifest={
            **run.manifest,
            "machine": {**(run.manifest.get("machine") or {}), **MACHINE, **machine},
            **kept_variables(VARIABLES),
        },
    )


def unlike(run: Run, kind: str) -> tuple[Run, str]:
    """Return the run with one difference planted, and how it has to be told."""
    if kind in FACTS:
        value, text = FACTS[kind]
        return told(run, **{kind: value}), text
    environment, text = ENVIRONMENTS[kind]
    found = told(run)
    return dataclasses.replace(
        found, manifest={**found.manifest, **kept_variables(environment)}
    ), text
