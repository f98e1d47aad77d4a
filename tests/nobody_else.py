"""run_bench.py that takes no block for disturbed, and whose gates fork: for tests of verdicts.

Whoever else is busy on this machine does not decide then whether anything is concluded.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    sys.argv[0] = str(ROOT / "run_bench.py")
    main = import_module("convgauge").main
    contention = import_module("convgauge.suite.measuring.contention")
    contention.is_disturbed = lambda *_: False
    import_module("tests.gate.forked").fork_sides()
    sys.exit(main())
