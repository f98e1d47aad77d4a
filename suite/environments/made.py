"""Virtual environments for requirement lines: made once for what they resolve to, and kept.

One holds what the lines change and sees all other packages of this Python, so that a comparison is
about what was asked for. They lie in the user's cache, one folder each; whoever needs the room may
remove them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from suite.environments.installing import install, options_in, resolve
from suite.errors import UsageError
from suite.processes.caches import user_cache
from suite.processes.lock import FileLock

RECORD = "convgauge.json"
POLL_S = 0.2
_PINNED = re.compile(r"[A-Za-z0-9][\w.-]*(\[[\w,.-]*\])?==[\w.+!]+")
"""An exact version: what it resolves to does not change from day to day."""

Say = Callable[[str], object]


def environments_folder() -> Path:
    return user_cache() / "environments"


def python_with(requirements: Sequence[str], where: str, say: Say) -> str:
    """Return a Python that has what the lines ask for, made now if there is none yet.

    This one where nothing is missing.

    Args:
        where: what they were asked for by, for messages.
        say: tells the user what takes long, and where it is kept.

    Raises:
        UsageError: they cannot be resolved or installed; with pip's reason.
    """
    if (known := _known(requirements)) is not None:
        return known
    say(f"{where}: asking what it takes")
    exact = resolve(requirements, where)
    if not exact:
        return sys.executable
    folder = environments_folder() / _key(exact)
    with _locked(folder, say):
        if not (folder / RECORD).is_file():
            _make(folder, requirements, exact, where, say)
        _remember(folder, requirements)
    return str(_python_in(folder))


def _key(words: Sequence[str]) -> str:
    """Return the name of an environment's folder: what it holds, and what it stands beside."""
    asked = [*sorted(words), sys.version, sys.prefix]
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]


def _python_in(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _known(requirements: Sequence[str]) -> str | None:
    """Return the Python that was made for lines of exact versions; others may mean newer ones."""
    if not all(_PINNED.fullmatch(line) for line in requirements):
        return None
    for record in environments_folder().glob(f"*/{RECORD}"):
        with contextlib.suppress(OSError, ValueError):
            kept = json.loads(record.read_text(encoding="utf-8"))
            if [sorted(requirements), sys.version, sys.prefix] in kept["asked"]:
                return str(_python_in(record.parent))
    return None


def _remember(folder: Path, requirements: Sequence[str]) -> None:
    """Note what an environment was asked for by."""
    record = folder / RECORD
    kept = json.loads(record.read_text(encoding="utf-8"))
    asked = [sorted(requirements), sys.version, sys.prefix]
    if asked not in kept["asked"]:
        kept["asked"].append(asked)
        record.write_text(json.dumps(kept, indent=1), encoding="utf-8")


def _make(
    folder: Path, requirements: Sequence[str], exact: Sequence[str], where: str, say: Say
) -> None:
    """Make an environment; nothing of it is left where that fails or is interrupted."""
    names = ", ".join(exact[:4]) + (f" and {len(exact) - 4} more" if len(exact) > 4 else "")
    say(f"{where}: installing {names} into {folder}")
    shutil.rmtree(folder, ignore_errors=True)  # of one that was killed
    began = time.monotonic()
    try:
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            last = (made.stderr or made.stdout).strip().splitlines()[-1:]
            raise UsageError(f"{where}: no environment can be made: {' '.join(last)}")
        install(exact, options_in(requirements), str(_python_in(folder)), where)
        _see_packages_of_this_python(folder)
        size_bytes = sum(f.lstat().st_size for f in folder.rglob("*") if f.is_file())
        kept = {
            "installed": list(exact),
            "made": time.strftime("%Y-%m-%d %H:%M"),
            "bytes": size_bytes,
            "asked": [],
        }
        (folder / RECORD).write_text(json.dumps(kept), encoding="utf-8")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    say(
        f"{where}: {_size(size_bytes)} in {folder}, in {time.monotonic() - began:.0f} s; "
        "kept for the next time, remove it as you like"
    )


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes > 1e9 else f"{size_bytes / 1e6:.1f} MB"


def _see_packages_of_this_python(folder: Path) -> None:
    """Have an environment find this Python's packages behind its own."""
    ours = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    library = next(path for path in folder.rglob("site-packages") if path.is_dir())
    # As for this Python, so that its own .pth files count as well: an editable install is one.
    lines = [f"import site; site.addsitedir({path!r})" for path in ours]
    (library / "convgauge-beside.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextlib.contextmanager
def _locked(folder: Path, say: Say) -> Iterator[None]:
    """Wait until nobody else makes this environment, and keep others waiting."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder.parent}: no environment can be kept there: {error.strerror}; set "
            "XDG_CACHE_HOME to a folder that can be written"
        ) from error
    lock = FileLock(folder.with_suffix(".lock"))
    named = False
    while holder := lock.take():
        if not named:
            say(f"another process makes {folder}: {holder}; waiting for it")
            named = True
        time.sleep(POLL_S)
    try:
        yield
    finally:
        lock.release()
