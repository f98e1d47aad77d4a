"""How ConvGauge was started: what a message says that tells a user to run something."""

from __future__ import annotations

import sys
from pathlib import Path

_IN_CHECKOUT = (Path(__file__).resolve().parents[1] / "convgauge.py").is_file()
_BY_SCRIPT = Path(sys.argv[0]).stem != "convgauge" if sys.argv else True

PROGRAM = ("python", "run_bench.py") if _IN_CHECKOUT and _BY_SCRIPT else ("convgauge",)
"""The words before a command. A wheel has no run_bench.py at hand."""
COMMAND_LINE = " ".join(PROGRAM)
