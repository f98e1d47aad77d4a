"""Instructions of a call by Callgrind: a figure without noise, for one thread and AVX2.

Valgrind 3 knows no instructions beyond AVX2, so torch, oneDNN, MKL and Numba are told not to use
any. Counting is switched on around the calls by torch's own requests to Valgrind: first for one
call, then for some; the difference is free of what surrounds the calls. Starting Python and torch
under Valgrind takes the better part of a minute, Numba minutes more, so it is done on request
alone.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from suite.conditions import Scenario
from suite.errors import Unsupported
from suite.own_imports import environment_to_find_us, own_name
from suite.processes.scratch import scratch_folder
from suite.registry.sources import Source

CALLS = 2
TIMEOUT_S = 900.0
_IS_X86 = platform.machine().lower() in ("x86_64", "amd64")
PATH = "AVX2" if _IS_X86 else platform.machine()
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
if _IS_X86:
    ENVIRONMENT |= {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "",
    }
MISSING = "valgrind is not installed (Debian: apt-get install valgrind); it runs on Linux alone"
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


def count(source: Source, name: str, scenario: Scenario, out: Path) -> float:
    """Return the instructions of one call; writes callgrind.out for KCachegrind into `out`.

    Raises:
        Unsupported: Valgrind is missing, does not know the code, or takes too long.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None or not sys.platform.startswith("linux"):
        raise Unsupported(MISSING)
    if scenario.device != "cpu":
        raise Unsupported("Callgrind counts instructions of the CPU")
    call = json.dumps([source.location, source.tree, name, scenario.to_dict(), CALLS])
    module = own_name("suite.profiling.child.callgrind")
    child = [sys.executable, "-c", f"from {module} import main; main()", call]
    # Once without Valgrind: what is compiled on first use is then in Numba's cache.
    _run(child, "without Valgrind")
    with scratch_folder() as folder:
        dump = folder / "callgrind.out"
        tool = [valgrind, "--tool=callgrind", "--collect-atstart=no", "--trace-children=no"]
        _run([*tool, f"--callgrind-out-file={dump}", *child], "under Valgrind")
        one, several = (_total(dump.with_name(f"{dump.name}.{part}")) for part in (1, 2))
        shutil.copyfile(dump.with_name(f"{dump.name}.2"), out / "callgrind.out")
    return (several - one) / CALLS


def _run(command: list[str], how: str) -> None:
    try:
        completed = subprocess.run(
            command,
            env={**os.environ, **ENVIRONMENT, **environment_to_find_us()},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unsupported(f"took more than {TIMEOUT_S:.0f} s {how}") from None
    if completed.returncode != 0:
        lines = [
            line for line in completed.stderr.splitlines() if line and not line.startswith("==")
        ]
        unhandled = next(
            (line for line in completed.stderr.splitlines() if "unhandled instr" in line), None
        )
        raise Unsupported(
            f"failed {how}: {unhandled or (lines[-1] if lines else completed.returncode)}"
        )


def _total(dump: Path) -> int:
    try:
        match: Any = _TOTAL.search(dump.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        match = None
    if match is None:
        raise Unsupported("Callgrind wrote no count: this torch was built without its requests")
    return int(match[1])
