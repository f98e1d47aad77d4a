"""An environment as it is written down: a Python, requirement lines, variables, blank between."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from suite.errors import UsageError
from suite.processes.interpreter import THREADS

HERE = "here"
ACCEPTED = (
    "a requirement line ('torch==2.12.*'), the path of a Python or of its environment's folder, "
    f"variables (NAME=VALUE), or {HERE}"
)
_VARIABLE = re.compile(r"([A-Za-z_]\w*)=(?!=)(.*)", re.DOTALL)
_COMMAND = re.compile(r"python[\d.]*(\.exe)?")
_COMPARISON = re.compile(r"\s*(===|==|~=|!=|<=|>=|(?<![<>=!~])[<>](?!=)|@(?= *\w+:))\s*")
_WITH_VALUE = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links")
_SWITCHES = ("--pre", "--no-index")
_OURS = {
    "PYTHONHASHSEED": "is drawn anew in each block",
    "PYTHONPATH": "is how the processes find ConvGauge",
    "PYTHONSAFEPATH": "is how the processes find ConvGauge",
    "PYTHONHOME": "belongs to a Python; give its path",
}
_PRELOADED = ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES")


@dataclass(frozen=True, kw_only=True)
class AskedEnvironment:
    """What was asked for; all empty is this Python as it is."""

    text: str
    """As it was written, for names and messages."""
    python: str | None = None
    requirements: tuple[str, ...] = ()
    """For pip: lines, and options about where to find them."""
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_here(self) -> bool:
        return not (self.python or self.requirements or self.variables)


def read_environment(text: str, asked_by: str) -> AskedEnvironment:
    """Return what a text asks for.

    Args:
        asked_by: the option that it was given by, for messages.

    Raises:
        UsageError: it is none, or cannot be had.
    """
    where = f'{asked_by} "{text}"'
    try:
        words = shlex.split(_COMPARISON.sub(r"\1", text).replace(", ", ","))
    except ValueError as error:
        raise UsageError(f"{where}: {error}; accepted: {ACCEPTED}") from None
    if not words:
        raise UsageError(f"{where}: nothing asked for; accepted: {ACCEPTED}")
    pythons: list[str] = []
    requirements: list[str] = []
    variables: dict[str, str] = {}
    given = iter(words)
    for word in given:
        if variable := _VARIABLE.fullmatch(word):
            variables[variable[1]] = variable[2]
        elif word in _WITH_VALUE:
            requirements += [word, next(given, "")]
        elif word in _SWITCHES or word.partition("=")[0] in _WITH_VALUE:
            requirements.append(word)
        elif word.startswith("-"):
            raise UsageError(
                f"{where}: {word} is no option for requirements; accepted: "
                f"{', '.join((*_WITH_VALUE, *_SWITCHES))}"
            )
        elif python := _python(word, where):
            pythons.append(python)
        elif word != HERE:
            requirements.append(word)
    if len(pythons) > 1 or (pythons and requirements):
        raise UsageError(
            f"{where}: one Python, or requirements that are installed beside this one's packages"
        )
    _refuse_variables(variables, where)
    return AskedEnvironment(
        text=" ".join(text.split()),
        python=pythons[0] if pythons else None,
        requirements=tuple(requirements),
        variables=variables,
    )


def _python(word: str, where: str) -> str | None:
    """Return the Python that a word names; None where it names none.

    Its links are not followed: by its own path it knows its environment.
    """
    path = Path(word).expanduser()
    if _COMMAND.fullmatch(word) and not path.exists():
        found = shutil.which(word)
        if found is None:
            raise UsageError(f"{where}: no {word} on PATH; give the path of a Python")
        return found
    looks_like_path = os.sep in word or "/" in word or path.exists()
    if not looks_like_path or path.suffix == ".whl" or "://" in word:
        return None
    if path.is_dir():
        inside = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
        if not (path / inside).is_file():
            raise UsageError(f"{where}: {path} is no environment: {inside} is not in it")
        path /= inside
    if not path.is_file():
        raise UsageError(f"{where}: {path}: no such Python")
    return os.path.abspath(path)  # noqa: PTH100 - pathlib's would follow the link


def _refuse_variables(variables: Mapping[str, str], where: str) -> None:
    for name, value in variables.items():
        if name in _OURS or name.startswith("CONVGAUGE_"):
            raise UsageError(f"{where}: {name} {_OURS.get(name, 'is ConvGauge’s own')}")
        if name in _PRELOADED:
            for library in filter(None, re.split("[: ]", value)):
                if os.sep in library and not Path(library).is_file():
                    raise UsageError(f"{where}: {library}: no such library")
        if name == THREADS and not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", value):
            raise UsageError(f'{where}: {name} is "{value}"; accepted: a whole number of 1 or more')
