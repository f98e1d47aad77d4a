"""`doctor`: the machine, and what would steady its measurements."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from commands._preparing import scratch_folder
from commands.arguments import Parser
from reports import terminal, units
from suite.errors import EXIT_GOOD
from suite.machine import host
from suite.measuring import new_run


def add_arguments(parser: Parser) -> None:
    """It takes none."""


def main(_options: argparse.Namespace) -> int:
    with scratch_folder() as scratch:
        facts = new_run.torch_facts(Path(scratch) / "log")
    now = host.load()
    found = {**host.facts(), **dataclasses.asdict(facts), "threads": host.usable_cores()}
    noise = host.spread(host.noise_samples(1.0))
    _print(terminal.console(), found, now, noise)
    return EXIT_GOOD


def _print(console: Console, found: dict[str, Any], now: dict[str, Any], noise: float) -> None:
    """Print the machine, its noise grade and what would make it steadier."""
    caches = ", ".join(f"{level} {size}" for level, size in found["caches"].items())
    steal = now["steal_share"]
    rows = {
        "CPU": f"{found['cpu']}{' (virtual machine)' if found['virtual'] else ''}",
        "cores": f"{found['cores']} usable; caches {caches or 'unknown'}",
        "memory": units.bytes_(found["memory_bytes"]),
        "governor": found["governor"] or "not told by this system",
        "load": f"{_or_unknown(now['load_1min'])} over 1 minute, {now['busy_share']:.0%} busy now"
        + ("" if steal is None else f", {steal:.1%} stolen by other guests since boot"),
        "system": f"{found['os']}, Python {found['python']}",
        "torch": f"{found['torch']}, {found['cpu_capability']}, "
        f"oneDNN {'yes' if found['onednn'] else 'no'}, numba {found['numba']}",
        "GPU": f"{', '.join(found['gpus'])}; driver {found['gpu_driver'] or 'not told'}, "
        f"CUDA {found['cuda']}, cuDNN {found['cudnn']}, Triton {found['triton'] or 'missing'}"
        if found["gpus"]
        else "none that torch sees",
        "thread pools": _parallel_lines(found["torch_parallel"]),
        "noise": f"grade {host.noise_grade(noise)}: equal work takes up to {noise:.1%} longer "
        "than its median (90th percentile)",
    }
    shown = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows.items():
        shown.add_row(Text(name, style="bold"), Text(str(value)))
    console.print(shown)
    advice = host.advice(found, now)
    for line in advice:
        console.print(f"• {line}", highlight=False)
    if not advice:
        console.print("nothing to improve was found")


def _or_unknown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _parallel_lines(parallel_info: str) -> str:
    keep = ("at::get_num_threads", "omp_get_max_threads", "mkl_get_max_threads", "OpenMP")
    lines = (line.strip() for line in parallel_info.splitlines())
    return "; ".join(line for line in lines if line.startswith(keep))
