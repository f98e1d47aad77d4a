"""The implementations of this tree, imported once in the server that processes are forked from.

Importing one takes 5 to 130 ms of processor time, and every round of blocks has a fresh process for
each row. What was imported is put away: a process finds none of it, as if nothing had been
imported, until it asks for an implementation of this very tree. One of another checkout, or of a
plug-in, is imported in its own process as ever, and so is one that needs a library which the server
has not imported itself: what goes wrong in there must not end the server.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from suite import own_imports
from suite.registry.implementation import Implementation

_PACKAGE = own_imports.own_name("impls")
TREE = Path(__file__).resolve().parents[2]

_modules: dict[str, ModuleType] = {}
"""By name, as `sys.modules` had them."""
_implementations: dict[str, list[Implementation]] = {}
"""By the dotted name of the module that registered them."""


class _Refusal:
    """Finds no library besides those that have been imported already, and notes what was wanted."""

    def __init__(self) -> None:
        self.wanted: list[str] = []

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - as the import system calls it
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top in sys.modules or top in sys.stdlib_module_names or top in own_imports.OWN:
            return None
        self.wanted.append(top)
        raise ModuleNotFoundError(f"not to be imported here: {fullname}", name=fullname)


@contextlib.contextmanager
def from_libraries_at_hand() -> Iterator[list[str]]:
    """Import without another library; give those that were wanted, when it is over.

    Where there are some, the tree's modules that were imported meanwhile are forgotten.
    """
    refusal, before = _Refusal(), set(sys.modules)
    sys.meta_path.insert(0, refusal)
    try:
        yield refusal.wanted
    finally:
        sys.meta_path.remove(refusal)
        if refusal.wanted:
            for name in [name for name in _own_modules() if name not in before]:
                del sys.modules[name]


def _own_modules() -> list[str]:
    return [name for name in sys.modules if f"{name}.".startswith(f"{_PACKAGE}.")]


def put_away(implementations: dict[str, list[Implementation]]) -> None:
    """Take what has been imported out of this process's sight, to be taken out again.

    Args:
        implementations: what each module registered, by its dotted name.
    """
    _implementations.update(implementations)
    for name in _own_modules():
        _modules[name] = sys.modules.pop(name)
    above, _, last = _PACKAGE.rpartition(".")
    if above:
        vars(sys.modules[above]).pop(last, None)


def take_out(location: str, tree: str) -> list[Implementation] | None:
    """Return what a module of a tree registered, its modules found by everybody again.

    None where it was not imported beforehand, or is another tree's.
    """
    if location not in _implementations or Path(tree) != TREE:
        return None
    for name, module in _modules.items():
        sys.modules.setdefault(name, module)
    above, _, last = _PACKAGE.rpartition(".")
    if above:
        setattr(sys.modules[above], last, sys.modules[_PACKAGE])
    return _implementations[location]
