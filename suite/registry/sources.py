"""Where implementations come from: modules of `impls/`, plug-in files, installed packages."""

from __future__ import annotations

import contextlib
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

from suite import own_imports
from suite.errors import UsageError
from suite.processes.import_file import import_file
from suite.registry import imported_before
from suite.registry.implementation import Implementation
from suite.registry.registering import enter, forget_all, registered

ENTRY_POINT_GROUP = "convgauge.implementations"
_loaded: dict[str, list[Implementation]] = {}
"""By location: a process imports each once, from whatever checkout it was told first."""


@dataclass(frozen=True)
class Source:
    """Where implementations come from: a file, or a module of an installed package."""

    location: str
    """A module's dotted name, or the path of a plug-in file."""
    tree: str | None = None
    """Checkout to import from first, itself and its `src`; None where all is found anyway."""

    @property
    def host(self) -> str:
        """What a process runs that hosts an implementation of it: "module:function"."""
        return "suite.worker.process:main"

    @property
    def is_plugin(self) -> bool:
        return self.location.endswith(".py")

    @property
    def is_builtin(self) -> bool:
        return self.tree is not None and not self.is_plugin


@dataclass(frozen=True)
class WaySource(Source):
    """A way to compute a whole network, which is no function of its own: a user's model is."""

    way: str = ""
    """As `suite.models.ways` knows it."""
    row: str = ""
    """The implementation that is to compute every convolution that it covers."""
    row_source: str = ""
    settled: tuple[tuple[int, str], ...] = ()
    """Number of threads, and the file that says what `optimize` chose for it."""

    @property
    def host(self) -> str:
        return "suite.models.child.worker:main"


def builtin_sources(tree: Path) -> list[Source]:
    """Return one source for each public module of `impls/` in `tree`, sorted."""
    files = sorted((tree / "impls").glob("[!_]*.py"))
    return [Source(f"impls.{file.stem}", str(tree)) for file in files]


def installed_sources() -> list[Source]:
    """Return one source for each module that an installed package offers."""
    import importlib.metadata  # noqa: PLC0415 - 25 ms that `validate` need not spend

    points = importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
    return [Source(module) for module in sorted({point.module for point in points})]


def load(source: Source) -> list[Implementation]:
    """Import `source`, once, and return what it registered, in the order of registration.

    Raises:
        UsageError: the source does not import; one line with the file, the line and the error.
    """
    if source.location in _loaded:
        return _loaded[source.location]
    before = imported_before.take_out(source.location, source.tree) if source.tree else None
    if before is not None:
        for entry in before:
            enter(entry)
        _loaded[source.location] = before
        return before
    known = {entry.name for entry in registered()}
    try:
        if source.is_plugin:
            if source.tree is not None:
                search_first(Path(source.tree))
            _import_file(Path(source.location))
        elif source.tree is not None:
            own_imports.search_first(source.tree)
            own_imports.import_own(source.location)
        else:
            own_imports.serve_users()
            importlib.import_module(source.location)
    except UsageError:
        raise
    except SyntaxError as error:
        where = f"{error.filename}:{error.lineno}:{error.offset}"
        raise UsageError(f"{where}: does not parse: {error.msg}") from error
    except BaseException as error:  # a plug-in may even call sys.exit while it is imported
        where = f"{source.location}{_line_in(source, error)}"
        hint = own_imports.hint_for(error)
        raise UsageError(
            f"{where}: does not import: {type(error).__name__}: {error}{hint}"
        ) from error
    _loaded[source.location] = [entry for entry in registered() if entry.name not in known]
    return _loaded[source.location]


def import_beforehand() -> None:
    """Import this tree's implementations for processes that are forked from this one.

    What does not import is left out, or wants a library that this process has not: whoever asks for
    it imports it, or is told why not.
    """
    for source in builtin_sources(imported_before.TREE):
        with imported_before.from_libraries_at_hand() as wanted, contextlib.suppress(UsageError):
            load(source)
        if wanted:
            _loaded.pop(source.location, None)
    imported_before.put_away(_loaded)
    _loaded.clear()
    forget_all()


def search_first(tree: Path) -> None:
    """Import from a checkout first, and from its `src`."""
    for folder in (str(tree / "src"), str(tree)):
        if folder not in sys.path:
            sys.path.insert(0, folder)


def _import_file(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"{path}: no such plug-in file")
    import_file(path, "convgauge_plugin")


def _line_in(source: Source, error: BaseException) -> str:
    """Return ":12" for the deepest line of the source's own file in the traceback."""
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == source.location:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f":{lines[-1]}" if lines else ""
