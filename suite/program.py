"""How ConvGauge was started: what a message says that tells a user to run something."""

from __future__ import annotations

import sys
from pathlib import Path

_IN_CHECKOUT = (Path(__file__).resolve().parents[1] / "convgauge.py").is_file()
_STARTED = sys.argv[0] if sys.argv else ""
_BY_SCRIPT = Path(_STARTED).stem != "convgauge"
_SCRIPT = _STARTED if Path(_STARTED).name == "run_bench.py" else "run_bench.py"

PROGRAM = ("python", _SCRIPT) if _IN_CHECKOUT and _BY_SCRIPT else ("convgauge",)
"""The words before a command, which run where the user stands: the script by the path that was
typed. A wheel has no run_bench.py at hand."""
COMMAND_LINE = " ".join(f"'{word}'" if " " in word else word for word in PROGRAM)
