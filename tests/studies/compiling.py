"""How long the first call of a compiled row takes where nothing is compiled yet.

    python -m tests.studies.compiling [ROW ...]

Each row computes one small problem in a process of its own, with an empty folder for what Numba
keeps. Seconds are those of the processor, of which a busy machine takes none away.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TREE = Path(__file__).parents[2]
ROWS = {
    "depthwise": ("conv2d", (1, 16, 20, 20), (16, 1, 3, 3), {"padding": 1, "groups": 16}),
    "grouped": ("conv2d", (1, 16, 14, 14), (16, 4, 3, 3), {"padding": 1, "groups": 4}),
    "winograd_tile6": ("conv2d", (1, 16, 14, 14), (16, 16, 3, 3), {"padding": 1}),
    "direct_packed": ("conv2d", (1, 16, 14, 14), (16, 16, 3, 3), {"padding": 1}),
    "loops_blocked": ("conv2d", (1, 16, 14, 14), (16, 16, 3, 3), {"padding": 1}),
    "fft_packed": ("conv2d", (1, 16, 32, 32), (16, 16, 9, 9), {"padding": 4}),
    "phases_packed": ("conv_transpose2d", (1, 16, 14, 14), (16, 16, 4, 4), {"stride": 2}),
    "depthwise_short": ("conv1d", (1, 16, 2048), (16, 1, 4), {"groups": 16}),
    "fft_sequence": ("conv1d", (1, 16, 2048), (16, 1, 1024), {"groups": 16}),
}


def first_call_s(name: str) -> float:
    """Return the seconds of a row's first call in this process."""
    import torch

    from suite.registry import registering, sources

    kind, input_shape, weight_shape, arguments = ROWS[name]
    for source in sources.builtin_sources(TREE):
        sources.load(source)
    row = registering.get(name).of_kind(kind)
    operands = torch.randn(input_shape), torch.randn(weight_shape)
    began = time.process_time()
    with torch.no_grad():
        row.function(*operands, **arguments)
    return time.process_time() - began


def main() -> None:
    for name in sys.argv[1:] or ROWS:
        with tempfile.TemporaryDirectory() as folder:
            alone = f"from {__spec__.name} import first_call_s; print(first_call_s({name!r}))"
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
            ran = subprocess.run(
                [sys.executable, "-c", alone],
                check=False,
                env=environment,
                capture_output=True,
                text=True,
            )
            said = ran.stdout.strip() or ran.stderr.strip().splitlines()[-1]
            print(f"{name:16s} {float(said):6.1f} s" if ran.stdout else f"{name}: {said}")


if __name__ == "__main__":
    main()
