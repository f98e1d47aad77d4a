"""ConvGauge from Python: what a plug-in registers with, and runs as data frames.

    import convgauge

    @convgauge.register("mine", family="direct")
    def mine(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1): ...

    frame = convgauge.read_run("results/20261128-120000-quick")

| name | what it is |
| --- | --- |
| `register` | decorator: makes a function an implementation; `adapt=` where not called as conv2d |
| `Problem` | one convolution, as `supports=` and `prepare=` get it |
| `Unsupported` | raised by an implementation for a problem that it does not cover |
| `UsageError` | raised here for bad input; its text says what to do |
| `PACK`, `TRANSFORM`, `PRODUCT`, `INVERSE`, `UNPACK` | phases of a call: `with PRODUCT: ...` |
| `read_run`, `read_runs` | finished runs as pandas DataFrames |
| `convolutions` | for pytest: parametrises a test with the cells of scenario files |
| `optimize` | makes a network's convolutions faster on this machine, verified, never slower |
| `explain`, `restore`, `refresh` | what `optimize` did; undo it; see weights changed unseen |

This is the only name that an installed ConvGauge takes; `suite/own_imports.py` says how. Nothing
is loaded before it is used: `import convgauge` imports neither torch nor pandas.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from reports.optimised_text import Explanation
    from suite.errors import Unsupported, UsageError
    from suite.phases import INVERSE, PACK, PRODUCT, TRANSFORM, UNPACK
    from suite.problem import Problem
    from suite.pytest_plugin.cells import convolutions
    from suite.registry.registering import register

__all__ = [
    "INVERSE",
    "PACK",
    "PRODUCT",
    "TRANSFORM",
    "UNPACK",
    "Problem",
    "Unsupported",
    "UsageError",
    "convolutions",
    "explain",
    "optimize",
    "read_run",
    "read_runs",
    "refresh",
    "register",
    "restore",
]

_HOMES = {
    **dict.fromkeys(("PACK", "TRANSFORM", "PRODUCT", "INVERSE", "UNPACK"), "suite.phases"),
    **dict.fromkeys(("Unsupported", "UsageError"), "suite.errors"),
    "Problem": "suite.problem",
    "register": "suite.registry.registering",
    "convolutions": "suite.pytest_plugin.cells",
}

_HERE = Path(__file__).resolve().parent
_INSTALLED = _HERE / "convgauge_tree"
_TREE = _INSTALLED if _INSTALLED.is_dir() else _HERE
__path__ = [str(_TREE)]
"""Makes this module a package whose folder is the tree: there is `convgauge.suite`."""

if __name__ != "__main__":
    import_module("convgauge.suite.own_imports")


def read_run(folder: str | PathLike[str]) -> pd.DataFrame:
    """Return one run, a row per finished cell, with the columns of its results.csv.

    They are named and ordered as in results.csv, unrounded. Names end in their unit: `_s` is
    seconds (`median_s`, `median_low_s`, `min_s`, `prepare_s`, …), `_bytes` bytes, `_flops`
    operations; `gflops` is 1e9 operations a second; `speedup` is the reference's time over this
    one's, with the ends of its interval in `speedup_low` and `speedup_high`; `rel_l2_error`,
    `roofline_fraction` and `phase_*` are shares. Only cells whose `status` is "passed" have times.

    Texts are `string`, whole numbers `Int64`, truths `boolean`, all with NA where a value is
    absent; other numbers are `float64` with NaN.

    Args:
        folder: where a run wrote its manifest.json and results.jsonl. One that is not finished
            will do.

    Raises:
        UsageError: no such folder, not that of a run, a damaged record, or no finished cell.
    """
    frame: pd.DataFrame = _own("reports.data_frames").read_run(Path(folder))
    return frame


def read_runs(*folders: str | PathLike[str]) -> pd.DataFrame:
    """Return many runs in one frame: the columns of `read_run`, after `run` and `started_at`.

    `run` is the folder of the run as it was given or found, `started_at` the time of its start
    with the offset from UTC made good. Runs come in the order of their starts.

    Args:
        folders: of runs, or folders that hold such folders, "results" for instance.

    Raises:
        UsageError: as for `read_run`; a folder in which no run is. Runs without a finished cell
            are left out where a folder holds others.
    """
    frame: pd.DataFrame = _own("reports.data_frames").read_runs([Path(f) for f in folders])
    return frame


def optimize(
    model: torch.nn.Module,
    *example_inputs: Any,
    budget_s: float = 60.0,
    memory_format: torch.memory_format | str | None = None,
    tolerance: float | None = None,
    fold: bool = False,
    measure_again: bool = False,
    verbose: bool | None = None,
) -> torch.nn.Module:
    """Make a network's convolutions faster on this machine's CPU; return the same model, or a copy.

    Rows are tried inside a copy of the network, in processes of their own, for inputs of these
    shapes and torch's present number of threads. What was chosen is held against float64, layer by
    layer and as a whole, and kept only as far as whole passes in fresh processes are faster with it
    beyond chance. The model is changed in place, at the very end: Parameter objects, state_dict,
    hooks and training stay as they are; calls of other shapes, and calls that record gradients,
    are torch's. docs/network.md tells the whole story.

    Args:
        example_inputs: what the model is called with: `optimize(model, x)` runs `model(x)`.
        budget_s: seconds for all of it, which no step begins that would take longer than is
            left. Starting processes and compiling rows for the first time on a machine come on
            top, and so does what a verdict needs at the least. 0 takes what is known from earlier
            calls, and from the command `tune`, and measures nothing.
        memory_format: `torch.contiguous_format`, `torch.channels_last` or their names, and the
            model is taken there; None: what is measured to be faster, its own if neither is.
        tolerance: largest relative L2 error of each layer, and of the outputs, against float64;
            None: that of each row's gate, and four times torch's own for the outputs.
        fold: optimise a copy for inference and return that: batch norms in evaluation mode lie in
            its weights, and activations and residual sums are computed with the convolution before
            them. It refuses training; the model stays as it is. Where folding gains nothing the
            copy is a plain one.
        measure_again: try rows anew whose gain in such a layer earlier calls have measured.
        verbose: show progress and a summary on standard error; None: where that is a terminal.

    Raises:
        UsageError: the model cannot be run with these inputs; its own line is named. Models that
            run and cannot be optimised are left as they are: `explain` gives the reason.
    """
    own = _own("commands._optimising")
    optimized: torch.nn.Module = own.optimize(
        model,
        example_inputs,
        budget_s=budget_s,
        memory_format=memory_format,
        tolerance=tolerance,
        fold=fold,
        measure_again=measure_again,
        verbose=verbose,
    )
    return optimized


def explain(model: torch.nn.Module) -> Explanation:
    """Return what `optimize` did to a model: prints as a table, a line a layer.

    Its `rows` are dicts and `to_frame()` gives a pandas DataFrame: layer, row, seconds before and
    after inside the network, speed-up with its interval, relative L2 error against float64 next to
    torch's, bytes of packed weights, and the reason where a layer stays torch's.

    Raises:
        UsageError: the model was not optimised.
    """
    explanation: Explanation = _own("commands._optimising").explain(model)
    return explanation


def restore(model: torch.nn.Module) -> torch.nn.Module:
    """Give a model back as it was before `optimize`; return it. Others stay as they are.

    Of a copy that `fold=True` made, the model that it was made of.

    Raises:
        UsageError: a copy of that kind that was read from a file, which holds no other.
    """
    restored: torch.nn.Module = _own("suite.network.committing").restore(model)
    return restored


def refresh(model: torch.nn.Module) -> None:
    """Have an optimised model pack its weights anew.

    Only after writes that nothing shows: to single values of a large weight, through `.data`, NumPy
    or another process. Optimizers, `load_state_dict` and all in-place operators are seen by
    themselves.
    """
    _own("suite.modules").refresh(model)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of ConvGauge and return its exit code: what `run_bench.py` does.

    Args:
        arguments: the words after the program's name; those of the process if None.
    """
    code: int = _own("commands._main").main(arguments)
    return code


def _own(name: str) -> ModuleType:
    """Import a module of the tree by the name that it has in this process.

    Whoever has the tree on the path and imports `suite` from there has it as that alone.
    """
    plain = sys.modules.get("suite")
    file = getattr(plain, "__file__", None) or ""
    is_plain = plain is not sys.modules.get("convgauge.suite") and (
        bool(file) and Path(file).resolve() == _TREE / "suite" / "__init__.py"
    )
    return import_module(name if is_plain else f"convgauge.{name}")


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Kept: marks are looked up again and again.
    value = globals()[name] = getattr(_own(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if __name__ == "__main__":
    sys.exit(import_module("convgauge").main())
