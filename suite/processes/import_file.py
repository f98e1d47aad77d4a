"""Importing a Python file that is not on the path: a user's plug-in, a user's model."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from suite import own_imports

_imported: dict[str, str] = {}
"""Path of each file that was imported here → the prefix of its module's name."""


def imported_files() -> tuple[tuple[str, str], ...]:
    """Return path and prefix of the files that this process has imported, in that order.

    Objects of their classes can be unpickled by a process that imports them as well.
    """
    return tuple(_imported.items())


def import_file(path: Path, prefix: str) -> ModuleType:
    """Execute a file as a module of the name `prefix`_stem; its folder joins the path.

    It may import its neighbours, and whatever it raises comes through. Who imports it by its plain
    name, as a neighbour may and as Numba does for code that was compiled when a test had imported
    it so, gets the same module: executed twice, it would register everything twice.
    """
    name = f"{prefix}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.append(str(path.parent))
    own_imports.serve_users(str(path.parent))
    if _is_found_as(path.stem, path):
        sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    _imported[str(path)] = prefix
    return module


def _is_found_as(name: str, path: Path) -> bool:
    """Whether an import of this name would find this file, and nobody's module has it yet."""
    if name in sys.modules or not name.isidentifier():
        return False
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return False
    return Path(spec.origin).resolve() == path.resolve()
