"""Python on a page: it compiles, and takes from ConvGauge what is there, as it can be called."""

from __future__ import annotations

import ast
import importlib
import inspect
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import convgauge
from suite.registry import registering

MINE = """\
import torch.nn.functional as F
from convgauge import register

register("mine", family="vendor")(F.conv2d)
"""
"""What pages mean by the reader's own file."""

DEFINING = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


def faults(text: str) -> Iterator[str]:
    """Yield what is wrong. A block that only defines is executed, one that measures is not."""
    tree = ast.parse(text)
    names: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from _imported(node, names)
        elif isinstance(node, ast.Import):
            names |= {a.asname or a.name: convgauge for a in node.names if a.name == "convgauge"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _call(node, names)
        elif (
            isinstance(node, ast.Attribute)
            and _value(node.value, names) is convgauge
            and not hasattr(convgauge, node.attr)
        ):
            yield f"convgauge has no {node.attr}"
    if all(isinstance(node, DEFINING) for node in tree.body):
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            patch.setattr(registering, "_registered", {})
            (Path(folder) / "mine.py").write_text(MINE)
            patch.chdir(folder)
            exec(compile(tree, "page", "exec"), {"__name__": "page"})


def _imported(node: ast.ImportFrom, names: dict[str, Any]) -> Iterator[str]:
    if str(node.module).partition(".")[0] not in ("convgauge", "suite", "impls", "reports"):
        return
    module = importlib.import_module(str(node.module).removeprefix("convgauge."))
    for alias in node.names:
        if not hasattr(module, alias.name):
            yield f"{node.module} has no {alias.name}"
        else:
            names[alias.asname or alias.name] = getattr(module, alias.name)


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute) and _value(node.value, names) is convgauge:
        return getattr(convgauge, node.attr, None)
    return None


def _call(node: ast.Call, names: dict[str, Any]) -> Iterator[str]:
    called = _value(node.func, names)
    starred = any(isinstance(a, ast.Starred) for a in node.args)
    if not callable(called) or starred or any(k.arg is None for k in node.keywords):
        return
    try:
        signature = inspect.signature(called)
    except ValueError:  # some of C's own, exceptions among them, have none
        return
    try:
        signature.bind(*node.args, **{str(k.arg): k.value for k in node.keywords})
    except TypeError as error:
        yield f"{ast.unparse(node)}: {error}"
