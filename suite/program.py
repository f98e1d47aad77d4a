"""How ConvGauge was started and installed: what a message says that tells a user what to run."""

from __future__ import annotations

import sys
from pathlib import Path

_TREE = Path(__file__).resolve().parents[1]
_IN_CHECKOUT = (_TREE / "convgauge.py").is_file()


def words_of(started: str) -> tuple[str, ...]:
    """Return the words before a command, which run where the user stands.

    The script by the path that was typed, or where nobody typed one (pytest, a notebook) by its
    own. A wheel has no run_bench.py at hand.

    Args:
        started: what Python was started with, `sys.argv[0]`.
    """
    name = Path(started).name
    if name == "convgauge.py":
        return "python", "-m", "convgauge"
    if not _IN_CHECKOUT or Path(started).stem == "convgauge":
        return ("convgauge",)
    if name == "run_bench.py":
        return "python", started
    return "python", "run_bench.py" if _is_here(_TREE) else str(_TREE / "run_bench.py")


def _is_here(folder: Path) -> bool:
    try:
        return folder.samefile(Path())
    except OSError:  # the current folder was removed
        return False


PROGRAM = words_of(sys.argv[0] if sys.argv else "")
COMMAND_LINE = " ".join(f"'{word}'" if " " in word else word for word in PROGRAM)


def how_to_install(extra: str = "") -> str:
    """Return the command that brings what ConvGauge, or one of its extras, needs and is missing.

    From a wheel, pip finds ConvGauge itself satisfied and installs the rest.
    """
    import shlex  # noqa: PLC0415 - for errors only

    extras = f"[{extra}]" if extra else ""
    if not _IN_CHECKOUT:
        return shlex.join(["pip", "install", f"convgauge{extras}"])
    tree = Path() if _is_here(_TREE) else _TREE
    constraints = tree / "constraints.txt"
    pinned = ["-c", str(constraints)] if constraints.is_file() else []  # an sdist has none
    return shlex.join(["pip", "install", "-e", f"{tree}{extras}", *pinned])
