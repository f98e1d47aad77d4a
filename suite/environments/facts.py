"""What a Python has: its version and its packages, asked of itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from suite.errors import UsageError

OLDEST = (3, 11)
NEEDED = ("torch", "numpy", "psutil")
"""What the processes import that run implementations."""
_TIMEOUT_S = 120.0
_PROBE = f"""\
import importlib.metadata, importlib.util, json, sys
packages = {{}}
for found in importlib.metadata.distributions():
    if name := found.metadata["Name"]:
        packages.setdefault(name, found.version)
print("\\n" + json.dumps({{
    "version": ".".join(map(str, sys.version_info[:3])),
    "implementation": sys.implementation.name,
    "prefix": sys.prefix,
    "packages": packages,
    "missing": [name for name in {NEEDED!r} if importlib.util.find_spec(name) is None],
}}))
"""


@dataclass(frozen=True, kw_only=True)
class PythonFacts:
    """A Python as it describes itself."""

    python: str
    """Its path."""
    version: str
    implementation: str
    prefix: str
    packages: Mapping[str, str]
    """Name → version, names as PyPI writes them: lower case, with hyphens."""


def ask_python(python: str, variables: Mapping[str, str], where: str) -> PythonFacts:
    """Return what a Python says of itself under these variables.

    Args:
        where: what it was asked for by, for messages.

    Raises:
        UsageError: it cannot be started or used, or lacks what is needed.
    """
    environment = {**os.environ, **variables, "PYTHONSAFEPATH": "1"}
    try:
        said = subprocess.run(
            [python, "-c", _PROBE],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
        record = json.loads(said.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{where}: {python} cannot be started: {error}") from error
    except (ValueError, IndexError):
        last = said.stderr.strip().splitlines()[-1:] or [f"exit code {said.returncode}"]
        raise UsageError(f"{where}: {python} is no Python that works: {last[0]}") from None
    if not_loaded := re.search(
        r"object '?(.*?)'? from LD_PRELOAD cannot be preloaded", said.stderr
    ):
        raise UsageError(f"{where}: {not_loaded[1]} cannot be preloaded; give the library's path")
    if tuple(map(int, record["version"].split(".")[:2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UsageError(f"{where}: {python} is Python {record['version']}; {oldest} is the oldest")
    if record["missing"]:
        missing = " ".join(record["missing"])
        raise UsageError(
            f"{where}: {python} has no {missing.replace(' ', ', ')}; install it there: "
            f"{python} -m pip install {missing}"
        )
    return PythonFacts(
        python=python,
        version=record["version"],
        implementation=record["implementation"],
        prefix=record["prefix"],
        packages={_plain(name): version for name, version in record["packages"].items()},
    )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
