"""Write docs/h200.md from runs on a GPU: the table, and whether each target was reached.

    python -m tests.studies.gpu.targets --resnet A --again B --fft C --out docs/h200.md

The commands that make the three runs stand in docs/gpu.md. Exit code 0 if every target that the
runs can tell about was reached, 1 otherwise.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from suite.results.cell import CellResult
from suite.results.folder import Run, read_run
from suite.results.summary import Summary, summarise
from tests.conftest import ROOT

CUDNN = ("cudnn", "cudnn_benchmark", "cudnn_deterministic", "torch")
LEAST_RATIO = 0.8
FFT_FROM = 31
REPEATED = 0.01
REPEATED_SHARE = 0.9

Cells = Mapping[tuple[str, str], tuple[CellResult, Summary]]


@dataclass(frozen=True)
class Target:
    """One thing to reach: what was found, and whether that is enough; None: not to be told."""

    name: str
    found: str
    reached: bool | None


def cells_of(run: Run) -> Cells:
    return {
        (result.scenario.id, result.implementation): (result, summary)
        for result in run.results
        if (summary := summarise(result)) is not None
    }


def best_of(cells: Cells, scenario: str, names: tuple[str, ...]) -> float | None:
    times = [cells[scenario, name][1].time_s.value for name in names if (scenario, name) in cells]
    return min(times, default=None)


def against_cudnn(
    cells: Cells, name: str, wanted: Callable[[CellResult], bool]
) -> dict[str, float]:
    """Return the speed of `name` over cuDNN's best for each scenario that is wanted."""
    ratios = {}
    for (scenario, implementation), (result, summary) in cells.items():
        best_s = best_of(cells, scenario, CUDNN)
        if implementation == name and best_s is not None and wanted(result):
            ratios[scenario] = best_s / summary.time_s.value
    return ratios


def triton_target(cells: Cells) -> Target:
    def square(result: CellResult) -> bool:
        return result.scenario.problem.kernel in ((1, 1), (3, 3))

    name = f"triton_igemm at least {LEAST_RATIO}× cuDNN's best on 3×3 and 1×1, above it on some"
    ratios = against_cudnn(cells, "triton_igemm", square)
    if not ratios:
        return Target(name, "no cell of triton_igemm and cuDNN passed", None)
    low, above = min(ratios.values()), sum(ratio > 1 for ratio in ratios.values())
    found = (
        f"{low:.2f}× at least, {statistics.median(ratios.values()):.2f}× in the median, "
        f"above it on {above} of {len(ratios)}"
    )
    return Target(name, found, low >= LEAST_RATIO and above > 0)


def fft_target(cells: Cells) -> Target:
    def large(result: CellResult) -> bool:
        return min(result.scenario.problem.kernel) >= FFT_FROM

    name = f"fft above cuDNN from {FFT_FROM}×{FFT_FROM} in strict float32"
    ratios = against_cudnn(cells, "fft", large)
    if not ratios:
        return Target(name, "no cell of fft and cuDNN passed", None)
    found = ", ".join(f"{ratio:.2f}× ({scenario})" for scenario, ratio in sorted(ratios.items()))
    return Target(name, found, min(ratios.values()) > 1)


def repeat_target(first: Cells, second: Cells) -> Target:
    name = f"medians of two runs within {REPEATED:.0%} on {REPEATED_SHARE:.0%} of cells"
    shared = first.keys() & second.keys()
    if not shared:
        return Target(name, "the runs share no cell", None)
    moved = [
        abs(first[key][1].time_s.value / second[key][1].time_s.value - 1) for key in sorted(shared)
    ]
    share = sum(change <= REPEATED for change in moved) / len(moved)
    found = f"{share:.0%} of {len(moved)} cells, the furthest moved {max(moved):.1%}"
    return Target(name, found, share >= REPEATED_SHARE)


def bandwidth_target(cells: Cells) -> Target:
    """The flush works: what is bound by memory does not beat it."""
    name = "with cold caches no cell reads its operands faster than memory gives them"
    rates = {}
    for (scenario, implementation), (result, summary) in cells.items():
        cold, ceiling = result.scenario.cache_state == "cold", result.ceiling
        if cold and ceiling:
            problem, itemsize = result.scenario.problem, result.scenario.itemsize
            operands = (problem.input_elements + problem.weight_elements) * itemsize
            rate = operands / summary.time_s.value / ceiling.memory_bytes_per_s
            rates[f"{scenario} × {implementation}"] = rate
    if not rates:
        return Target(name, "no cell with cold caches", None)
    fastest = max(rates, key=lambda key: rates[key])
    return Target(
        name, f"{rates[fastest]:.0%} of memory's at most ({fastest})", rates[fastest] <= 1
    )


def table(run: Run, cells: Cells) -> list[str]:
    names = sorted({implementation for _, implementation in cells})
    lines = [
        "| scenario | " + " | ".join(names) + " | cuDNN ran |",
        "| --- |" + " ---: |" * len(names) + " --- |",
    ]
    for scenario in dict.fromkeys(result.scenario.id for result in run.results):
        row = []
        for name in names:
            found = cells.get((scenario, name))
            row.append(f"{found[1].time_s.value * 1e6:.1f}" if found else "–")
        ran = next(
            (
                f"{result.ran.algorithm or '?'}, {result.ran.layout_conversions} conversions"
                for name in CUDNN
                if (found := cells.get((scenario, name))) and (result := found[0]).ran
            ),
            "not told",
        )
        lines.append(f"| {scenario} | {' | '.join(row)} | {ran} |")
    return lines


def page(runs: Mapping[str, Run], targets: list[Target]) -> str:
    run = runs["resnet"]
    host = run.manifest["machine"]
    said = {True: "reached", False: "**missed**", None: "not told"}
    lines = [
        f"# Measured on {host['gpu']}",
        "",
        f"{run.manifest['started_at'][:10]}; driver {host.get('gpu_driver')}, CUDA {host['cuda']}, "
        f"cuDNN {host['cudnn']}, torch {host['torch']}, Triton {host.get('triton')}, "
        f"revision {run.manifest['git_revision']}.",
        "",
        "Made by the commands of [gpu.md](gpu.md) and `tests.studies.gpu.targets`. Microseconds "
        "a call, "
        "geometric mean of the blocks' medians; – where the cell did not pass.",
        "",
        "## Targets",
        "",
        "| target | found | |",
        "| --- | --- | --- |",
        *(f"| {t.name} | {t.found} | {said[t.reached]} |" for t in targets),
    ]
    for key, measured in runs.items():
        command = " ".join(map(str, measured.manifest["command"]))
        lines += ["", f"## {key}: `{command}`", "", *table(measured, cells_of(measured))]
    return "\n".join(lines) + "\n"


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, meaning in (
        ("resnet", "a run of resnet50_gpu"),
        ("again", "another run of the same"),
        ("fft", "a run of fft_gpu"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="DIR", help=meaning)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "h200.md", metavar="FILE")
    options = parser.parse_args(words)
    folders = options.resnet, options.again, options.fft
    resnet, again, fft = (read_run([folder]) for folder in folders)
    targets = [
        triton_target(cells_of(resnet)),
        fft_target(cells_of(fft)),
        repeat_target(cells_of(resnet), cells_of(again)),
        bandwidth_target({**cells_of(resnet), **cells_of(fft)}),
    ]
    for target in targets:
        print(
            f"{ {True: 'reached', False: 'MISSED', None: 'not told'}[target.reached] }: "
            f"{target.name}: {target.found}"
        )
    options.out.write_text(page({"resnet": resnet, "fft": fft}, targets), encoding="utf-8")
    print(f"written: {options.out}")
    return 0 if all(target.reached is not False for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
