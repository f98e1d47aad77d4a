"""What the system refuses, said as what it is: no defect, and nothing that was measured."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from types import TracebackType

from suite.errors import UsageError

_FILES = "raise the limit of open files (ulimit -n), of which each implementation takes some five"
_PROCESSES = "raise the limit of processes (ulimit -u, or the container's)"
_FEWER = "or name fewer implementations with --impl"
_SPACE = "free some space; --out and TMPDIR say where files go"
_PLACE = "choose a place that can be written: --out and TMPDIR say where files go"
_ADVICE = {
    "EMFILE": f"{_FILES}, {_FEWER}",
    "ENFILE": "the whole machine has too many files open: end other programs",
    "EAGAIN": f"{_PROCESSES}, {_FEWER}",
    "ENOMEM": f"free some memory, {_FEWER}",
    "ENOSPC": _SPACE,
    "EDQUOT": _SPACE,
    "EROFS": _PLACE,
    "EACCES": _PLACE,
    "EPERM": _PLACE,
    "ENOENT": "it may have been removed meanwhile; do it again",
    "ENAMETOOLONG": "choose a shorter one",
}
_TREE = Path(__file__).resolve().parents[1]


def require_folder() -> None:
    """Refuse to start where the current folder is gone.

    Raises:
        UsageError: it was removed, or may not be read.
    """
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd() takes a module more
    except OSError as error:
        raise UsageError(
            f"the current folder cannot be read ({error.strerror}); change to one that exists"
        ) from error


def refusal(error: BaseException) -> str | None:
    """Return in words what the system refused, None if the error is no such refusal."""
    if isinstance(error, MemoryError):
        return f"out of memory; {_ADVICE['ENOMEM']}"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return f"{error}; {_ADVICE['EAGAIN']}"
    if not isinstance(error, OSError):
        return None
    named = [str(name) for name in (error.filename, error.filename2) if name is not None]
    what = error.strerror or str(error) or type(error).__name__
    advice = _ADVICE.get(errno.errorcode.get(error.errno or 0, ""), "")
    place = _own_line(error.__traceback__)
    return "; ".join(filter(None, [": ".join([*named, what]), advice])) + place


def _own_line(trace: TracebackType | None) -> str:
    """Return the deepest place in this tree that the error passed through, as " (at file:line)"."""
    place = ""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        with contextlib.suppress(ValueError):
            place = f" (at {file.relative_to(_TREE).as_posix()}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place
