"""pip and uv: what a requirement would install here, and installing just that elsewhere.

What is there already stays as it is: only what a requirement changes differs afterwards.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

from suite.errors import UsageError

MOST_CHARACTERS = 300
"""Of a line of theirs: pip names every version that there is."""
MOST_LINES = 6
_INDEXES = ("index-url", "extra-index-url", "find-links", "no-index")


def resolve(requirements: Sequence[str], where: str) -> list[str]:
    """Return what would be installed here for these lines, as exact requirements, sorted.

    Args:
        requirements: lines, and options about where to find them.
        where: what they were asked for by, for messages.

    Raises:
        UsageError: there is no solution, or nothing to ask; with the reason.
    """
    if _uses_uv():
        said = _run([*_uv(), "install", "--dry-run", "--python", sys.executable, *requirements])
        _require(said, where)
        lines = re.findall(r"^ \+ (\S+(?: @ \S+)?)$", _uncoloured(said.stderr), re.MULTILINE)
        return sorted(line for line in lines if not _is_here(line))
    _require_pip(where)
    said = _run([*_pip(), "install", "--dry-run", "--quiet", "--report", "-", *requirements])
    _require(said, where)
    return sorted(_exact(item) for item in json.loads(said.stdout)["install"])


def install(exact: Sequence[str], options: Sequence[str], python: str, where: str) -> None:
    """Install exactly these packages for another Python, and none that they ask for.

    Raises:
        UsageError: it failed; with the reason.
    """
    if _uses_uv():
        words = [*_uv(), "install", "--no-deps", "--python", python]
    else:
        words = [*_pip(), "--python", python, "install", "--no-deps", "--quiet"]
    _require(_run([*words, *options, *exact]), where)


def options_in(requirements: Sequence[str]) -> list[str]:
    """Return the options among requirement lines, with their values."""
    options = []
    given = iter(requirements)
    for word in given:
        if word.startswith("-"):
            has_value = "=" not in word and word not in ("--pre", "--no-index")
            options += [word, next(given, "")] if has_value else [word]
    return options


def _is_here(exact: str) -> bool:
    """Return whether "name==version" is what this Python has: uv would install some anew."""
    name, _, version = exact.partition("==")
    try:
        return importlib.metadata.version(name) == version
    except importlib.metadata.PackageNotFoundError:
        return False


def _exact(item: dict[str, object]) -> str:
    metadata, download = item["metadata"], item["download_info"]
    assert isinstance(metadata, dict)
    assert isinstance(download, dict)
    if item.get("is_direct"):
        return f"{metadata['name']} @ {download['url']}"
    return f"{metadata['name']}=={metadata['version']}"


def _uses_uv() -> bool:
    """Return whether uv is to do it: the faster one, which knows nothing of pip's settings."""
    if shutil.which("uv") is None:
        return False
    if importlib.util.find_spec("pip") is None:
        return True
    settings = _run([*_pip(), "config", "list"]).stdout
    return not any(re.search(rf"[.:]\.?{name}=", settings) for name in _INDEXES)


def _uv() -> list[str]:
    return [str(shutil.which("uv")), "pip"]


def _pip() -> list[str]:
    return [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check"]


def _require_pip(where: str) -> None:
    if importlib.util.find_spec("pip") is None:
        raise UsageError(
            f"{where}: neither pip nor uv is here to install it: {sys.executable} -m ensurepip"
        )


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )


def _require(said: subprocess.CompletedProcess[str], where: str) -> None:
    """Raise what the program said at its end, if it failed."""
    if said.returncode == 0:
        return
    lines = [line.rstrip() for line in _uncoloured(said.stderr or said.stdout).splitlines()]
    shown = [line for line in lines if line and not line.startswith(("[notice]", "WARNING"))]
    last = [
        line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"
        for line in shown[-MOST_LINES:]
    ]
    raise UsageError("\n  ".join([f"{where}: cannot be installed", *last]))


def _uncoloured(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
