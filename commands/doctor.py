"""`doctor`: the machine, and what would steady its measurements."""

from __future__ import annotations

import argparse
import dataclasses
import os
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from commands.arguments import Parser
from reports import contention_text, terminal, units
from suite.errors import EXIT_GOOD
from suite.machine import host, placement
from suite.measuring import new_run, noise
from suite.messages.judge import DenormalCost
from suite.processes.scratch import scratch_folder


def add_arguments(parser: Parser) -> None:
    """It takes none."""


def main(_options: argparse.Namespace) -> int:
    with scratch_folder() as scratch:
        torch_facts = new_run.torch_facts(scratch / "log")
        seen = noise.measure(scratch / "log", placement.usual_threads())
        denormals = noise.denormal_cost(scratch / "log")
    facts = {
        **host.facts(),
        **dataclasses.asdict(torch_facts),
        "threads": placement.usual_threads(),
    }
    _print(terminal.console(), facts, host.load(), seen, denormals)
    return EXIT_GOOD


def _print(
    console: Console,
    facts: dict[str, Any],
    now: dict[str, Any],
    seen: noise.Noise,
    denormals: DenormalCost,
) -> None:
    """Print the machine, its noise grade and what would make it steadier."""
    caches = ", ".join(f"{level} {size}" for level, size in facts["caches"].items())
    steal = now["steal_share"]
    rows = {
        "CPU": f"{facts['cpu']}{' (virtual machine)' if facts['virtual'] else ''}",
        "cores": f"{facts['cores']} usable{_quota(facts)}; caches {caches or 'unknown'}",
        "threads": f"{facts['threads']} unless --threads says otherwise",
        "memory": units.bytes_(facts["memory_bytes"]) + _memory_limit(facts),
        "governor": facts["governor"] or "not told by this system",
        "load": f"{_or_unknown(now['load_1min'])} over 1 minute, others use "
        f"{contention_text.cores(seen.others_share)} now"
        + ("" if steal is None else f", {steal:.1%} stolen by other guests since boot"),
        "system": f"{facts['os']}, Python {facts['python']}",
        "torch": f"{facts['torch']}, {facts['cpu_capability']}, "
        f"oneDNN {'yes' if facts['onednn'] else 'no'}, numba {facts['numba']}",
        "GPU": f"{', '.join(facts['gpus'])}; driver {facts['gpu_driver'] or 'not told'}, "
        f"CUDA {facts['cuda']}, cuDNN {facts['cudnn']}, Triton {facts['triton'] or 'missing'}"
        if facts["gpus"]
        else "none that torch sees",
        "thread pools": _parallel_lines(facts["torch_parallel"]),
        "denormals": _denormals_line(denormals),
        "noise": f"grade {seen.grade}: equal work takes up to {seen.one_thread_spread:.1%} longer "
        f"than its median with one thread and {seen.all_threads_spread:.1%} with {seen.threads} "
        f"(90th percentile), which take {seen.probe.words} as long as one",
    }
    shown = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows.items():
        shown.add_row(Text(name, style="bold"), Text(str(value)))
    console.print(shown)
    advice = [*placement.remarks(facts["threads"], os.environ), *host.advice(facts, now)]
    if seen.warning:
        advice = [f"{seen.warning}: stop other work while measuring", *advice]
    for line in advice:
        console.print(f"• {line}")
    if not advice:
        console.print("nothing to improve was found")


def _denormals_line(cost: DenormalCost) -> str:
    mode = "on: they count for zero" if cost.flushes else "off, as torch has it"
    return (
        f"a float32 product with one takes {units.times(cost.times)} as long as with a normal "
        f"number; flush-to-zero is {mode}"
    )


def _quota(facts: dict[str, Any]) -> str:
    quota = facts["cpu_quota"]
    return "" if quota is None else f", of which a container may use {quota:g} cores' time"


def _memory_limit(facts: dict[str, Any]) -> str:
    limit = facts["memory_limit_bytes"]
    return "" if limit is None else f", of which a container may use {units.bytes_(limit)}"


def _or_unknown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _parallel_lines(parallel_info: str) -> str:
    keep = ("at::get_num_threads", "omp_get_max_threads", "mkl_get_max_threads", "OpenMP")
    lines = (line.strip() for line in parallel_info.splitlines())
    return "; ".join(line for line in lines if line.startswith(keep))
