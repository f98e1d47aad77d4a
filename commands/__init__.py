"""The commands: one module each, with `add_arguments(parser)` and `main(options) -> exit code`.

A module loads when its command is asked for, so what it needs is imported at its top. The only
place that may import everything; nothing but `run_bench.py` and `convgauge.py` imports it.
"""

__all__ = ["COMMANDS"]

COMMANDS = {
    "run": "race implementations over scenario files",
    "check": "hold implementations against float64, no timing",
    "tune": "measure what `auto` should choose on this machine",
    "report": "rebuild CSV, plots and report from a run",
    "compare": "show two runs as a difference; a hint, no verdict",
    "gate": "decide whether a revision is slower, wrong, bigger or less accurate",
    "profile": "show where the time and the memory of some cells go",
    "capture": "write a model's own convolutions to a scenario file",
    "calibrate": "how small a slowdown the gate can see on this machine",
    "history": "many runs: per cell the trend, and where its level changed",
    "list": "show implementations and scenario files",
    "validate": "check scenario files without running them",
    "doctor": "show the machine, and what would steady its measurements",
    "demo": "filter a photograph through every implementation",
    "lesson": "learn how convolutions are computed: tables measured here, exercises marked",
}
"""Name (of the module, too) → what it does; in the order of `--help`."""
