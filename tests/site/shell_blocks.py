"""Commands on a page: ConvGauge's against the real parser, others as far as they are known here."""

from __future__ import annotations

import importlib.util
import itertools
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator

from commands.arguments import build_parser
from suite.errors import UsageError
from suite.scenario import find_file
from tests.conftest import ROOT

FOREIGN = {
    "cd",
    "dask",
    "docker",
    "export",
    "git",
    "mypy",
    "openssl",
    "ruff",
    "sbatch",
    "scp",
    "srun",
    "ssh",
}
"""Programs of others, of which no more than the quoting is looked at."""
BEFORE_COMMANDS = {"do", "else", "if", "then", "while", "!"}
NO_COMMANDS = {"[", "[[", "case", "done", "esac", "fi", "for", "in"}
"""Bash's own words: a command follows the former."""
VARIABLE = re.compile(r"\$\([^)]*\)|\$\{?\w+\}?")
"""Stands for what is known when it runs: a number will do for all of them."""
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
OURS = (["convgauge"], ["python", "run_bench.py"], ["python", "-m", "convgauge"])


def faults(text: str) -> Iterator[str]:
    """Yield what is wrong in the lines of a block: a command each, or a script."""
    if fault := _syntax_fault(text):
        yield fault
        return
    text = VARIABLE.sub("1", text)
    for line in text.replace("\\\n", " ").splitlines():
        reader = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        reader.whitespace_split = True
        for command in _commands(reader):
            yield from (f"{shlex.join(command)}: {fault}" for fault in _faults(command))


def _syntax_fault(text: str) -> str | None:
    bash = shutil.which("bash")
    if bash is None or sys.platform == "win32":  # where it may be that of a subsystem
        return None
    read = subprocess.run([bash, "-n"], input=text, capture_output=True, text=True, check=False)
    return f"bash cannot read it: {read.stderr.strip()}" if read.returncode else None


def session_faults(text: str) -> Iterator[str]:
    """Yield what is wrong in what was typed, after "$ ", in a terminal that is shown."""
    typed = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
    return faults("\n".join(typed))


def _commands(words: Iterable[str]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set(";&|"):
            if command and command[0] not in NO_COMMANDS:
                yield command
            command = []
        elif command or not (word in BEFORE_COMMANDS or ASSIGNMENT.match(word)):
            command.append(word)


def _faults(words: list[str]) -> Iterator[str]:
    for start in OURS:
        if words[: len(start)] == start:
            yield from _ours(words[len(start) :])
            return
    match words:
        case ["pip", "install", *rest]:
            yield from _installation(rest)
        case ["python", "-m", module, *_]:
            if not _is_module(module):
                yield f"there is no module {module}"
        case ["python", file, *_]:
            if not (ROOT / file).is_file():
                yield f"there is no {file}"
        case ["pytest", *rest]:
            known = (ROOT / "suite/pytest_plugin/plugin.py").read_text(encoding="utf-8")
            ours = [word for word in rest if word.startswith("--convgauge")]
            yield from (f"pytest has no {word}" for word in ours if f'"{word}"' not in known)
        case [program, *_] if program not in FOREIGN:
            yield f"{program} is no program that is known here; see {__name__}"


def _ours(words: list[str]) -> Iterator[str]:
    try:
        options = build_parser(words).parse_args(words)
        for name in getattr(options, "files", None) or []:
            if "." not in name and "/" not in name:
                find_file(name)
    except UsageError as error:
        yield str(error)
    except SystemExit:  # --help
        pass


def _installation(words: list[str]) -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in words:
        if wanted := re.fullmatch(r"(?:\.|convgauge)\[(.+)\]", word):
            for extra in wanted[1].split(","):
                if extra not in project["optional-dependencies"]:
                    yield f"there is no extra {extra}"
    for option, file in itertools.pairwise(words):
        if option == "-c" and not (ROOT / file).is_file():
            yield f"there is no {file}"


def _is_module(name: str) -> bool:
    inside = ROOT / name.replace(".", "/")
    if inside.with_suffix(".py").is_file() or (inside / "__main__.py").is_file():
        return True
    return "." not in name and importlib.util.find_spec(name) is not None
