"""Hardware counters of a running process through perf, where this machine permits it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable

from suite.errors import Unsupported

EVENTS = (
    "instructions",
    "cycles",
    "cache-references",
    "cache-misses",
    "branches",
    "branch-misses",
)
MISSING = "perf is not installed (Debian: apt-get install linux-perf)"
ATTACH_S = 0.2


def count(pid: int, work: Callable[[], int]) -> dict[str, float]:
    """Return the counters per call while `work`, which returns its calls, runs in `pid`.

    Raises:
        Unsupported: no perf, no permission, or no counters in this (virtual) machine.
    """
    perf = shutil.which("perf")
    if perf is None:
        raise Unsupported(MISSING)
    # A short try first: attaching where nothing can be counted would cost every cell the wait.
    attempt = subprocess.run(
        [perf, "stat", "-x", ",", "-e", ",".join(EVENTS), "true"],
        env=_in_english(),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if not parse(attempt.stderr):
        raise Unsupported(why_nothing(attempt.stderr))
    watching = subprocess.Popen(
        [perf, "stat", "-x", ",", "-e", ",".join(EVENTS), "-p", str(pid)],
        env=_in_english(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    try:
        watching.wait(ATTACH_S)
    except subprocess.TimeoutExpired:
        calls = work()
        watching.send_signal(signal.SIGINT)
    else:
        calls = 0
    output = watching.communicate()[1]
    totals = parse(output)
    if not calls or not totals:
        raise Unsupported(why_nothing(output))
    return {name: value / calls for name, value in totals.items()}


def _in_english() -> dict[str, str]:
    """Return an environment in which perf's words are the ones looked for, and 1.5 is no "1,5"."""
    return {**os.environ, "LC_ALL": "C"}


def parse(output: str) -> dict[str, float]:
    """Return event → count from perf's comma-separated output; those not counted are left out."""
    counts = {}
    for line in output.splitlines():
        value, *rest = line.split(",")
        name = rest[1].partition(":")[0] if len(rest) > 1 else ""
        if name in EVENTS and value.replace(".", "").isdigit():
            counts[name] = float(value)
    return counts


def why_nothing(output: str) -> str:
    if "not supported" in output:
        return "this machine (a virtual one?) has no hardware counters for perf"
    if "perf_event_paranoid" in output or "ermission" in output or "No permission" in output:
        return "perf may not count here: sudo sysctl kernel.perf_event_paranoid=1"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f"perf counted nothing{': ' + lines[0] if lines else ''}"
