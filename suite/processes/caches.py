"""Where things are kept from one run to the next: the user's cache folder, and compiled code."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from suite.processes.scratch import own_folder

NUMBA = "NUMBA_CACHE_DIR"
_COMPILED_ROWS = Path(__file__).resolve().parents[2] / "impls"


def user_cache() -> Path:
    """Return ConvGauge's folder in the system's place for caches; it need not exist.

    For a user without a home, as containers have them, it can neither be read nor written.
    """
    try:
        home = Path.home()
    except RuntimeError:
        home = Path(os.devnull)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData/Local")
    elif sys.platform == "darwin":
        base = home / "Library/Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "convgauge"


def for_compiled_code() -> dict[str, str]:
    """Return the variables that tell children where Numba keeps what it compiled.

    None where it can lie beside the sources, or where the user has chosen. Else it is the user's
    cache, or a temporary folder: without any, Numba compiles nothing that is to be kept.
    """
    if os.environ.get(NUMBA) or _can_be_written(_COMPILED_ROWS / "__pycache__"):
        return {}
    kept = user_cache() / "numba"
    return {NUMBA: str(kept if _can_be_written(kept) else own_folder() / "numba")}


def remark() -> str | None:
    """Return what to know about where compiled code is kept, if anything."""
    chosen = for_compiled_code().get(NUMBA)
    if chosen is None or not Path(chosen).is_relative_to(own_folder()):
        return None
    return (
        f"neither {_COMPILED_ROWS} nor {user_cache()} can be written: rows on Numba are compiled "
        f"anew in each run, for a minute perhaps; {NUMBA} names a folder to keep them in"
    )


def _can_be_written(folder: Path) -> bool:
    """Return whether a folder can be written, or made in one that can."""
    while not folder.exists():
        if folder == folder.parent:
            return False
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
