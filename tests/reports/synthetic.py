"""Runs made up for the writers' tests: deterministic, plausible, with every status in them."""

from __future__ import annotations

import math
import random
from pathlib import Path
from statistics import median
from typing import Any

from suite.conditions import Scenario
from suite.problem import Problem
from suite.results.cell import Block, Ceiling, CellResult, Residuals, Status, WorstElement
from suite.results.folder import SCHEMA_VERSION, Run
from suite.results.request import AskedFile, RunRequest

CEILING = Ceiling(peak_flops_per_s=98e9, memory_bytes_per_s=11e9, cache_bytes_per_s=52e9)

FAMILY_OF = {
    "torch": "reference",
    "loops": "loops",
    "unfold": "im2col",
    "fft": "fft",
    "winograd_2x2": "winograd",
    "winograd_4x4": "winograd",
    "cudnn": "vendor",
}
ERROR_OF = {
    "torch": 1.5e-7,
    "loops": 4e-7,
    "unfold": 1.6e-7,
    "fft": 3.1e-7,
    "winograd_2x2": 4.4e-7,
    "winograd_4x4": 2.6e-6,
}
SCENARIOS = (
    ("pointwise_64", {"in_channels": 64, "out_channels": 64, "kernel": 1, "size": 56}),
    ("vgg_conv3_1", {"in_channels": 128, "out_channels": 256, "kernel": 3, "size": 56}),
    ("vgg_conv5_1", {"in_channels": 512, "out_channels": 512, "kernel": 3, "size": 14}),
    (
        "stem_7x7_stride2",
        {"in_channels": 3, "out_channels": 64, "kernel": 7, "size": 224, "stride": 2},
    ),
    ("large_kernel_31", {"in_channels": 16, "out_channels": 16, "kernel": 31, "size": 64}),
    (
        "depthwise_3x3",
        {"in_channels": 144, "out_channels": 144, "kernel": 3, "size": 56, "groups": 144},
    ),
    (
        "dilated_3x3",
        {"in_channels": 64, "out_channels": 64, "kernel": 3, "size": 56, "dilation": 2},
    ),
    ("tiny_plane", {"in_channels": 32, "out_channels": 32, "kernel": 3, "size": 7}),
)


def problem(
    *,
    in_channels: int,
    out_channels: int,
    kernel: int,
    size: int,
    stride: int = 1,
    groups: int = 1,
    dilation: int = 1,
    batch_size: int = 1,
) -> Problem:
    pad = dilation * (kernel - 1) // 2
    return Problem(
        batch_size=batch_size,
        in_channels=in_channels,
        height=size,
        width=size,
        out_channels=out_channels,
        kernel_h=kernel,
        kernel_w=kernel,
        stride_h=stride,
        stride_w=stride,
        pad_top=pad,
        pad_bottom=pad,
        pad_left=pad,
        pad_right=pad,
        dilation_h=dilation,
        dilation_w=dilation,
        groups=groups,
    )


def executed_flops(implementation: str, shape: Problem) -> float | None:
    """Return a rough count in the manner of each algorithm."""
    if implementation == "winograd_2x2":
        return shape.direct_flops / 2.25
    if implementation == "winograd_4x4":
        return shape.direct_flops / 4
    if implementation == "fft":
        plane = shape.padded_h * shape.padded_w
        channels = shape.in_channels + shape.out_channels
        transforms = 5 * plane * math.log2(plane) * channels
        return transforms + 4 * plane * shape.in_channels * shape.out_channels / shape.groups
    return float(shape.direct_flops)


def ideal_s(implementation: str, shape: Problem) -> float:
    """Return the seconds that a call plausibly takes; only the ordering is meant to be real."""
    per_s = {
        "torch": 60e9,
        "loops": 0.15e9,
        "unfold": 35e9,
        "fft": 12e9,
        "winograd_2x2": 30e9,
        "winograd_4x4": 34e9,
    }.get(implementation, 25e9)
    if shape.is_depthwise:
        per_s /= 1 if implementation == "torch" else 6
    flops = executed_flops(implementation, shape) or shape.direct_flops
    return 8e-6 + flops / per_s + shape.least_bytes(4) / 9e9


def failure(implementation: str, shape: Problem) -> tuple[Status, str] | None:
    """Return the failure that a cell of `small_run` has: every status of one machine occurs."""
    if implementation == "cudnn":
        return Status.UNSUPPORTED, "needs CUDA; this machine has none"
    if implementation == "loops" and shape.direct_flops > 2e9:
        return Status.UNSUPPORTED, "one call would take over 10 s"
    if implementation.startswith("winograd"):
        if shape.kernel != (3, 3):
            return Status.UNSUPPORTED, f"needs a 3×3 kernel, this one is {shape.kernel_h}×" + str(
                shape.kernel_w
            )
        if shape.dilation != (1, 1):
            return Status.UNSUPPORTED, "needs dilation 1"
    return None


PLANTED = {
    ("winograd_4x4", "vgg_conv5_1"): (
        Status.INCORRECT,
        "element (0, 17, 3, 9) is 4.125, expected 4.0156, allowed ±0.002",
    ),
    ("fft", "depthwise_3x3"): (Status.CRASHED, "the worker died of signal 11 (SIGSEGV)"),
    ("unfold", "stem_7x7_stride2"): (Status.OUT_OF_MEMORY, "needed 3.1 GiB, 2.0 GiB were free"),
    ("loops", "large_kernel_31"): (Status.TIMEOUT, "no answer within 30 s"),
    ("fft", "tiny_plane"): (Status.ERROR, "RuntimeError: fft: plan of size 0"),
    ("unfold", "tiny_plane"): (Status.IMPLAUSIBLE, "faster than the machine's peak by 12×"),
}


def cell(
    scenario: Scenario,
    implementation: str,
    *,
    draw: random.Random,
    blocks: int = 8,
    samples: int = 12,
    planted: tuple[Status, str] | None = None,
) -> CellResult:
    """Return one cell: its planted or natural failure, or blocks of log-normal samples."""
    shape = scenario.problem
    common: dict[str, Any] = {
        "scenario": scenario,
        "implementation": implementation,
        "family": FAMILY_OF.get(implementation, "direct"),
        "threads": 2,
    }
    if failed := planted or failure(implementation, shape):
        status, reason = failed
        residuals = None
        if status is Status.INCORRECT:
            worst = WorstElement(index=(0, 17, 3, 9), got=4.125, expected=4.0156, bound=0.002)
            residuals = Residuals(rel_l2_error=0.0031, worst_error_ratio=54.7, worst=worst)
        return CellResult(**common, status=status, reason=reason, residuals=residuals)
    own_s, torch_s = ideal_s(implementation, shape), ideal_s("torch", shape)
    measured_blocks = []
    for _ in range(blocks):
        drift = draw.lognormvariate(0, 0.03)
        centre = own_s * drift * draw.lognormvariate(0, 0.012)
        times_s = tuple(centre * (1 + draw.lognormvariate(-4.2, 0.9)) for _ in range(samples))
        paired_s = torch_s * drift * draw.lognormvariate(0, 0.012) * 1.025
        measured_blocks.append(
            Block(
                samples_s=times_s,
                calls_per_sample=max(1, round(2e-4 / own_s)),
                seed=f"{draw.getrandbits(64):016x}",
                reference_s=median(times_s) if implementation == "torch" else paired_s,
                prepare_s=own_s * 0.8 if implementation.startswith("winograd") else None,
            )
        )
    error = ERROR_OF.get(implementation, 2e-7) * draw.uniform(0.7, 1.4)
    output_bytes = 4 * shape.output_elements
    workspace = 0 if implementation == "torch" else 4 * shape.output_elements * shape.kernel_h
    return CellResult(
        **common,
        status=Status.PASSED,
        blocks=tuple(measured_blocks),
        residuals=Residuals(
            rel_l2_error=error,
            worst_error_ratio=draw.uniform(0.05, 0.5),
            worst=WorstElement(index=(0, 3, 5, 7), got=1.5, expected=1.4999998, bound=1e-5),
        ),
        error_factor=4.0 if implementation.startswith("winograd") else 1.0,
        peak_bytes=output_bytes + workspace,
        workspace_bytes=workspace,
        executed_flops=executed_flops(implementation, shape),
        deterministic=implementation != "unfold",
        ceiling=CEILING,
        notes=("one block was disturbed and drawn again",) if implementation == "unfold" else (),
    )


def manifest(scenarios: list[Scenario], implementations: list[str]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "name": "quick",
        "started_at": "2026-11-23T17:02:11+00:00",
        "finished_at": "2026-11-23T17:03:29+00:00",
        "command": ["run_bench.py", "run", "scenarios/quick.yaml"],
        "request": RunRequest(
            files=(AskedFile("scenarios/quick.yaml", "/home/ada/scenarios/quick.yaml"),),
            threads=2,
            blocks=8,
            budget_s=90.0,
        ).to_dict(),
        "convgauge_version": "0.1.0",
        "git_revision": "3a8ce5b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6",
        "git_dirty": False,
        "machine": {
            "cpu": "AMD EPYC 7B13",
            "cores": 2,
            "threads": 2,
            "memory_bytes": 25_000_000_000,
            "os": "Debian GNU/Linux 12",
            "python": "3.11.2",
            "torch": "2.13.0+cpu",
            "gpu": None,
            "hostname": "bench-1",
            "noise_grade": "C",
            "noise": 0.034,
            "fingerprint": "5f1c9a02",
        },
        "scenario_files": [
            {"name": "quick", "path": "scenarios/quick.yaml", "text": "name: quick"}
        ],
        "scenarios": [scenario.id for scenario in scenarios],
        "implementations": [
            {
                "name": name,
                "family": FAMILY_OF.get(name, "direct"),
                "source": f"impls/{name}.py",
                "summary": f"{name} convolution.",
                "unavailable": "needs CUDA" if name == "cudnn" else None,
            }
            for name in implementations
        ],
        "settings": {"threads": 2, "blocks": 8, "target_half_width": 0.02},
        "summary": {"wall_s": 78.2, "inside_share": 0.74, "judge_s": 6.1},
    }


def small_run(folder: Path = Path("results/quick"), seed: int = 7) -> Run:
    """Return 8 scenarios × 7 implementations with every status among the cells."""
    draw = random.Random(seed)
    scenarios = [
        Scenario(
            id=name,
            problem=problem(**sizes),
            source="quick",
            occurrences=3 if name.startswith("vgg") else 1,
        )
        for name, sizes in SCENARIOS
    ]
    results = tuple(
        cell(scenario, name, draw=draw, planted=PLANTED.get((name, scenario.id)))
        for scenario in scenarios
        for name in FAMILY_OF
    )
    return Run(folder, manifest(scenarios, list(FAMILY_OF)), results)


def large_run(cells: int, *, blocks: int = 8, samples: int = 12) -> Run:
    """Return a sweep of about `cells` cells: 8 implementations each."""
    draw = random.Random(cells)
    names = [*list(FAMILY_OF)[:6], "direct_blocked", "gemm_packed"]
    matrix = [
        (kernel, channels, size, batch)
        for batch in range(1, 40)
        for size in (14, 28, 56)
        for kernel in (1, 3, 5, 7, 11)
        for channels in (16, 32, 64, 128)
    ][: math.ceil(cells / len(names))]
    scenarios = [
        Scenario(
            id=f"sweep/batch{batch}-size{size}-k{kernel}-c{channels}",
            problem=problem(
                in_channels=channels,
                out_channels=64,
                kernel=kernel,
                size=size,
                batch_size=batch,
            ),
            source="sweep",
        )
        for kernel, channels, size, batch in matrix
    ]
    results = tuple(
        cell(scenario, name, draw=draw, blocks=blocks, samples=samples)
        for scenario in scenarios
        for name in names
    )[:cells]
    return Run(Path("results/sweep"), manifest(scenarios, names), results)
