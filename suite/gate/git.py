"""git as a program: run without hooks, its whole reason kept where it fails."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from suite.errors import UsageError

GIT_TIMEOUT_S = 300.0
_SETTINGS = (
    "core.hooksPath=/dev/null",
    # A daemon that watches the working tree would be told of an index that is not its own.
    "core.fsmonitor=false",
    "submodule.recurse=false",
    # A revision is measured whole, whatever part of it the user has on disk.
    "core.sparseCheckout=false",
)


class GitFailed(Exception):
    """git ended with an error; the text is all that it said."""


def git(folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> str:
    """Run git in `folder` and return what it printed.

    Hooks are off, and so is what a calling hook may have set. git speaks English, as its reasons
    are told apart by their words.

    Raises:
        GitFailed: with git's own words.
        UsageError: git is not installed.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *settings, *words],
            env={**inherited, "LANGUAGE": "en", **(environment or {})},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
            timeout=GIT_TIMEOUT_S,
        )
    except FileNotFoundError:
        raise UsageError("git is not installed; the gate needs it to fetch revisions") from None
    except subprocess.TimeoutExpired:
        raise GitFailed(f"git {words[0]} took more than {GIT_TIMEOUT_S:.0f} s") from None
    if done.returncode:
        reason = done.stderr.encode(errors="surrogateescape").decode(errors="replace").strip()
        raise GitFailed(reason or f"git {words[0]}: exit code {done.returncode}")
    return done.stdout.strip("\n")
