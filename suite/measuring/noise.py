"""How steady the machine is before anything is timed, with one thread and with all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.machine import host, placement
from suite.measuring.contention import MOST_SHARE, MOST_SLOWDOWN, OthersWatch
from suite.measuring.torch_process import TorchProcess
from suite.messages.judge import Compare, DenormalCost, ProbeDenormals, Repeat
from suite.results.contention import Probe

SECONDS = 0.25
"""Of equal work with one thread, and as long with all."""
PROBES = 7
"""Their median counts: some meet a moment in which something else woke up, or in which the system
let a thread wait that could have run on a core that was free."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What equal work showed."""

    one_thread_spread: float
    """How far the 90th percentile of equal work lies above its median: 0.02 is 2 %."""
    all_threads_spread: float
    probe: Probe
    threads: int
    others_share: float
    """Cores that others used meanwhile: 1.0 is a whole core."""

    @property
    def extent(self) -> float:
        """Return the largest of the spreads, and of what all threads lose against one."""
        return max(self.one_thread_spread, self.all_threads_spread, self.probe.slowdown - 1)

    @property
    def grade(self) -> str:
        return host.noise_grade(self.extent)

    @property
    def warning(self) -> str:
        """Return that others hold the cores, and how it is seen; empty where they do not."""
        cores = placement.usable_cores()
        spare = max(0, cores - self.threads)
        is_taken = self.others_share > spare + MOST_SHARE
        if not is_taken and self.probe.slowdown <= MOST_SLOWDOWN:
            return ""
        text = f"something else uses {self.others_share:.2f} of {cores} cores"
        if not is_taken:
            text = "nothing else is seen to use the cores, and yet"
            return f"{text} {self._slowed}: the system lets threads wait for each other"
        if self.threads == 1 or self.probe.slowdown <= 1:
            return text
        return f"{text}: {self._slowed}"

    @property
    def _slowed(self) -> str:
        slowdown = f"all {self.threads} threads take {self.probe.words} as long as one"
        return f"{slowdown} for the same small work"

    def to_dict(self) -> dict[str, Any]:
        """Return what the manifest keeps of the machine's load."""
        return {
            **host.load(),
            "others_share": round(self.others_share, 3),
            "threads": self.threads,
            "one_thread_s": self.probe.one_thread_s,
            "all_threads_s": self.probe.all_threads_s,
            "one_thread_spread": self.one_thread_spread,
            "all_threads_spread": self.all_threads_spread,
        }


def denormal_cost(log: Path) -> DenormalCost:
    """Have products with denormal numbers timed, in a process as rows are measured in.

    Args:
        log: where that process's output goes.
    """
    trouble = "what denormal numbers cost cannot be measured"
    with TorchProcess(1, name="denormals", log=log, trouble=trouble) as process:
        return process.ask(ProbeDenormals())


def measure(log: Path, threads: int) -> Noise:
    """Do equal work with one thread here, and with all in a process that has torch.

    Args:
        log: where that process's output goes.
    """
    trouble = "the machine's noise cannot be measured"
    with TorchProcess(threads, name="noise", log=log, trouble=trouble) as process:
        process.ask(Compare(threads=threads))  # loads what the first call loads
        others = OthersWatch([process.pid, os.getpid()])
        one_thread_s = host.noise_samples(SECONDS)
        probes = [process.ask(Compare(threads=threads)) for _ in range(PROBES)]
        all_threads_s = process.ask(Repeat(threads=threads, seconds=SECONDS)).samples_s
        used = others.so_far()
    return Noise(
        one_thread_spread=host.spread(one_thread_s),
        all_threads_spread=host.spread(all_threads_s),
        probe=sorted(probes, key=lambda probe: probe.slowdown)[PROBES // 2],
        threads=threads,
        others_share=used.used_share + used.stolen_share,
    )
