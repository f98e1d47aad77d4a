"""From the command line's arguments to a request: the last that is seen of argparse."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from suite.results.request import AskedFile, Request
from suite.scenario import find_file

AnyRequest = TypeVar("AnyRequest", bound=Request)


def asked(kind: type[AnyRequest], options: argparse.Namespace, *usual_files: str) -> AnyRequest:
    """Return what the arguments ask for; what they leave out is as the request's class says.

    Args:
        usual_files: scenario files where none was named.
    """
    fields = given(kind, options)
    return kind(**{"files": asked_files(usual_files), **fields})


def given(kind: type[Request], options: argparse.Namespace) -> dict[str, Any]:
    """Return field → value of what was really written on the command line."""
    fields = {}
    for _, asked_for in kind.options():
        value = getattr(options, asked_for.metadata["kept_as"], None)
        if value is not None:
            is_switch = isinstance(asked_for.default, bool)
            fields[asked_for.name] = not asked_for.default if is_switch else _plain(value)
    if getattr(options, "files", None):
        fields["files"] = asked_files(options.files)
    return fields


def asked_files(names: Sequence[str]) -> tuple[AskedFile, ...]:
    """Return scenario files by their paths or shipped names.

    Raises:
        UsageError: there is no such file.
    """
    return tuple(AskedFile(name, str(find_file(name).resolve())) for name in names)


def _plain(value: Any) -> Any:
    """Return an argument as a request holds it, frozen."""
    if isinstance(value, list):
        return tuple(map(_plain, value))
    return AskedFile(str(value), str(value.resolve())) if isinstance(value, Path) else value
