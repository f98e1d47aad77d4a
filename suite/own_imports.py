"""Whose `suite` is whose: ConvGauge's modules find each other, and users' modules find theirs.

The folders of this tree have common names, and `sys.modules` has room for one `suite` only. So
what is installed claims `convgauge` alone: `convgauge` is a package whose folder is the tree, and
`suite.problem` is `convgauge.suite.problem` there, in the command's own process, in every child,
in pytest's and in a user's. The plain names stay free for whoever has packages of these names.

The statements in the tree say `from suite.problem import Problem` all the same. They find
`convgauge.suite.problem` because the tree's modules are executed with an `__import__` of their
own, which Python looks up in a module's `__builtins__`; see `exec` in its documentation. That
holds for imports inside functions, in threads and in code that is generated later, needs no
copies of the sources, uses the compiled files that pip made, and touches nobody else's modules.
It was preferred to giving users' modules other names: ours are known and few, while theirs may be
pickled, reloaded, rewritten by pytest or looked up in `sys.modules` by anybody. For the same
reason nothing is rewritten when a wheel is built: what is tested in a checkout is what is shipped.

A user's file that is loaded by us may say `from suite import register`. `serve_users` lets that
find this `suite` where the user has none.

The tree's own tests say `from suite.problem import Problem` too. `lend_plain_names` makes that
another name of the same module, so that tests and what they start work on one tree, and what Numba
has compiled for one serves the other. A process that has the tree on its path and imports `suite`
without either (`python -m suite.phases`) gets it by its plain name; all this then does nothing.
"""

from __future__ import annotations

import builtins
import importlib
import os
import shutil
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:
    # The import system asks for no base class, and these take 12 ms of every start to import.
    Loader = MetaPathFinder = object

PACKAGE = "convgauge"
OWN = ("suite", "impls", "reports", "commands")
"""The tree's packages."""
_PREFIX = __name__.removesuffix("suite.own_imports")
_TREE = Path(__file__).resolve().parents[1]
_GUARDED = (*OWN, "tests", "run_bench")
"""What a checkout on the path would put before a user's own."""


def own_name(name: str) -> str:
    """Return what a module of the tree, such as "suite.judge.process", is called here."""
    return _PREFIX + name


def import_own(name: str) -> ModuleType:
    """Import a module of the tree, such as "suite.judge.process", whatever it is called here."""
    return importlib.import_module(own_name(name))


def search_first(tree: str) -> None:
    """Take implementations of the tree from another checkout from now on."""
    path = sys.modules[PACKAGE].__path__ if _PREFIX else sys.path
    if tree not in path:
        path.insert(0, tree)


def environment_to_find_us() -> dict[str, str]:
    """Return the variables with which a new interpreter imports this tree, and its own library.

    Without PYTHONSAFEPATH the current folder would come first, a user's json.py in it included.
    """
    users = os.environ.get("PYTHONPATH")
    if not _PREFIX:
        path = [str(_TREE), users]
    elif (_TREE / "convgauge.py").is_file():
        path = [users, str(_TREE)]
    else:
        path = [users]  # installed: found as it was found here
    python_path = os.pathsep.join(filter(None, path))
    return {"PYTHONSAFEPATH": "1"} | ({"PYTHONPATH": python_path} if python_path else {})


def environment_to_find_us_elsewhere(folder: Path) -> dict[str, str]:
    """Return the variables with which another Python imports this tree, and its own library.

    Args:
        folder: an empty one, which has to stay. Where this tree is installed, it gets a link: the
            folder that the tree is installed in holds this Python's libraries as well.
    """
    finding = environment_to_find_us()
    if not _PREFIX or (_TREE / "convgauge.py").is_file():
        return finding
    package = folder / PACKAGE
    if not package.exists():
        try:
            package.symlink_to(_TREE, target_is_directory=True)
        except OSError:  # Windows lets few users make links
            shutil.copytree(_TREE, package)
    users = os.environ.get("PYTHONPATH")
    return finding | {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), users)))}


# -- the tree's own imports ------------------------------------------------------------------------


def _import(
    name: str,
    globals: Any = None,
    locals: Any = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """Do what an import statement asks for, the tree's packages found under `convgauge`."""
    top = name.partition(".")[0]
    if level or top not in OWN:
        return builtins.__import__(name, globals, locals, fromlist or (), level)
    if fromlist:
        return builtins.__import__(own_name(name), globals, locals, fromlist)
    import_own(name)
    return sys.modules[own_name(top)]


_BUILTINS = {**vars(builtins), "__import__": _import}


class _TreeLoader(SourceFileLoader):
    """Executes a module of the tree with `_import` for its import statements."""

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = _BUILTINS
        super().exec_module(module)


class _TreeFinder(MetaPathFinder):
    """Finds `convgauge.suite` and the like in the tree."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{PACKAGE}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _TreeLoader(fullname, spec.loader.path)
        return spec


# -- users' imports --------------------------------------------------------------------------------


def serve_users(folder: str | None = None) -> None:
    """Let what is imported next, from a user's `folder`, find its own packages, and `suite`.

    Where the user has no `suite`, it is ours: an alias, so that nothing of it exists twice.
    """
    if not _PREFIX:
        return
    finder = next((f for f in sys.meta_path if isinstance(f, _UsersFinder)), None)
    if finder is None:
        finder = _UsersFinder()
        sys.meta_path.insert(0, finder)
    if folder is not None and folder not in finder.folders:
        finder.folders.append(folder)


def hint_for(error: BaseException) -> str:
    """Return how to import what a user's own `suite` hides, if that is what failed; or ""."""
    if not isinstance(error, ImportError) or (error.name or "").partition(".")[0] != "suite":
        return ""
    theirs = sys.modules.get("suite")
    if theirs is None or theirs is sys.modules.get(own_name("suite")):
        return ""
    folder = next(iter(getattr(theirs, "__path__", [])), getattr(theirs, "__file__", ""))
    return (
        f"; `suite` is a package of your own here ({folder}): say `from convgauge import register`"
    )


class _UsersFinder(MetaPathFinder):
    """Keeps a checkout of ours from hiding a user's packages, and lends `suite` to who has none."""

    def __init__(self) -> None:
        self.folders: list[str] = []

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - of the parent, which tells enough
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        top, _, below = fullname.partition(".")
        if top not in _GUARDED:
            return None
        if below:
            ours = top in OWN and sys.modules.get(top) is sys.modules.get(own_name(top), self)
            return _alias(fullname) if ours else None
        spec = self._users(fullname, target)
        return _alias(fullname) if spec is None and fullname == "suite" else spec

    def _users(self, name: str, target: ModuleType | None) -> ModuleSpec | None:
        """Return what a user has of that name: from a plug-in's folder, or from the path."""
        folders = [folder for folder in [*self.folders, *sys.path] if not _is_ours(folder)]
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(name, folders, target)
            if spec is not None and (name != "suite" or _holds_code(spec)):
                return spec
        return None


def _is_ours(folder: str) -> bool:
    """Return whether a folder is a ConvGauge tree, this one or another revision's."""
    return all((Path(folder) / file).is_file() for file in ("run_bench.py", "suite/errors.py"))


def _holds_code(spec: ModuleSpec) -> bool:
    """Return whether it is more than some folder of that name, which Python takes for a package."""
    folders = spec.submodule_search_locations or ()
    return spec.origin is not None or any(any(Path(f).rglob("*.py")) for f in folders)


class _PlainNames(MetaPathFinder):
    """Finds every module of the tree by its plain name, whatever else is on the path."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - of the parent, which is ours
        target: ModuleType | None = None,  # noqa: ARG002 - a second name needs nothing of it
    ) -> ModuleSpec | None:
        return _alias(fullname) if fullname.partition(".")[0] in OWN else None


def lend_plain_names() -> None:
    """Let this process find the tree by its plain names as well: what tests it does.

    Before anything imports it by those from the path, which would be a second tree.
    """
    if not _PREFIX or any(isinstance(finder, _PlainNames) for finder in sys.meta_path):
        return
    for name in OWN:
        if sys.modules.get(name) is not sys.modules.get(own_name(name)) and name in sys.modules:
            raise ImportError(f"{name} was imported before, from {sys.modules[name].__path__}")
    sys.meta_path.insert(0, _PlainNames())


class _Alias(Loader):
    """Gives a module of ours a second name; it is neither executed nor changed."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_own(spec.name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


def _alias(name: str) -> ModuleSpec | None:
    try:
        is_package = hasattr(import_own(name), "__path__")
    except ModuleNotFoundError as error:
        if error.name == own_name(name):
            return None
        raise
    return ModuleSpec(name, _Alias(), is_package=is_package)


if _PREFIX:
    sys.meta_path.insert(0, _TreeFinder())
