"""What an implementation must leave as it is: clocks, what computes and compares, threads.

The suite itself is safe from patches: it bound its clock before any plug-in was imported, and
what judges runs in another process. A plug-in that patches is refused all the same, because its
own code may read the patched clock, and whoever runs it elsewhere is fooled.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from operator import is_
from pathlib import Path
from types import FunctionType
from typing import Any

import torch

COMES_TO_REST_S = 0.05
_OF_EVERY_KIND = 0x40000000
"""__WALL of Linux: also children that end without a signal, which `os.waitid` does not look for."""
_MODULES = ("builtins", "time", "os", "gc", "json", "statistics", "_thread", "threading")
"""Of Python: what tells the time, imports, computes statistics, and talks with the parent."""
_OF_TORCH = ("torch", "torch.nn.functional", "torch.testing", "torch.cuda")
_CLASSES = (torch.Tensor, torch._C.TensorBase)


class Guard:
    """Remembers what was there before a plug-in came; `patched` names what it replaced.

    A snapshot of whole modules and of the classes and functions of the suite that are loaded, so
    that nobody has to think of each. What is added is no concern, unless it hides what a base
    class has.
    """

    def __init__(self) -> None:
        own = [name for name in sys.modules if _is_own(name)]
        wanted = (*_MODULES, *_OF_TORCH, *own)
        modules = [sys.modules[name] for name in wanted if name in sys.modules]
        classes = [*_CLASSES, *(kind for module in modules for kind in _own_classes(module))]
        self._held = [_Held(holder) for holder in (*modules, *dict.fromkeys(classes))]

    def patched(self) -> list[str]:
        return [name for held in self._held for name in held.changed()]


_OWN_PACKAGE = __name__.removesuffix(".worker.guard")
_ELSEWHERE = (f"{_OWN_PACKAGE}.judge.",)
"""Loaded for the judge, which is forked from the same server; nothing here uses it."""


def _is_own(name: str) -> bool:
    return f"{name}.".startswith(f"{_OWN_PACKAGE}.") and not name.startswith(_ELSEWHERE)


class _Held:
    """The callables of one module or class, and the code of those that are the suite's."""

    def __init__(self, holder: Any) -> None:
        self._holder = holder
        self._entries = vars(holder)
        callables = {name: value for name, value in self._entries.items() if _is_called(value)}
        self._names, self._before = tuple(callables), tuple(callables.values())
        self._all_names = set(self._entries)
        self._functions: list[_Function] = []
        if _is_own(getattr(holder, "__module__", holder.__name__)):
            functions = ((name, _unwrapped(value)) for name, value in callables.items())
            self._functions = [_Function(n, f) for n, f in functions if type(f) is FunctionType]

    def changed(self) -> Iterator[str]:
        """Yield the names of what is another now. All that is held takes some 0.5 ms."""
        now = tuple(map(self._entries.get, self._names))
        if not all(map(is_, now, self._before)):
            for name, old, new in zip(self._names, self._before, now, strict=True):
                if new is not old and not _is_torch_s_own(new):
                    yield f"{self._holder.__name__}.{name}"
        if len(self._entries) != len(self._all_names):
            for name in _inherited(self._holder) & self._entries.keys() - self._all_names:
                yield f"{self._holder.__name__}.{name}"
        for function in self._functions:
            if function.is_changed():
                yield f"{self._holder.__name__}.{function.name}"


class _Function:
    """A function's code and what it was bound to, which are changed more quietly than it is."""

    __slots__ = ("_code", "_defaults", "_function", "_keywords", "_values", "name")

    def __init__(self, name: str, function: FunctionType) -> None:
        self.name = name
        self._function = function
        self._code, self._defaults = function.__code__, function.__defaults__
        self._keywords = function.__kwdefaults__
        self._values = tuple((self._keywords or {}).items())

    def is_changed(self) -> bool:
        function = self._function
        if function.__code__ is not self._code or function.__defaults__ is not self._defaults:
            return True
        if function.__kwdefaults__ is not self._keywords:
            return True
        if self._keywords is None:
            return False
        return any(self._keywords.get(name) is not value for name, value in self._values)


def _is_called(value: Any) -> bool:
    return callable(value) or isinstance(value, staticmethod | classmethod | property)


def _unwrapped(value: Any) -> Any:
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value


_TORCH = str(Path(torch.__file__).parent)


def _is_torch_s_own(value: Any) -> bool:
    """Return whether torch wrapped it itself, as its compiler does with `manual_seed`."""
    code = getattr(value, "__code__", None)
    return code is not None and code.co_filename.startswith(_TORCH)


_TALKS = "multiprocessing.connection"
"""Where the class of the channel to the parent is from."""


def _own_classes(module: Any) -> Iterator[type]:
    if _is_own(module.__name__):
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ in (module.__name__, _TALKS):
                yield value


def _inherited(holder: Any) -> set[str]:
    """Return what a class has of its bases, and would lose if it got its own."""
    if not isinstance(holder, type):
        return set()
    return {name for base in holder.__mro__[1:-1] for name in vars(base)}


class Company:
    """The threads and processes besides the main thread; `left_behind` names what a call left.

    Threads of native pools come with the first calls and stay: they are known from the warm-up
    on. A thread that Python started, or any that is new after it, has no business outliving a
    call, nor has a process that is still running.
    """

    def __init__(self) -> None:
        self._native = _threads()
        self._python = set(threading.enumerate())

    def left_behind(self) -> str | None:
        started = [thread.name for thread in threading.enumerate() if thread not in self._python]
        if started:
            return f"left a thread running ({started[0]})"
        if new := _threads() - self._native:
            return f"left {len(new)} native threads running that the warm-up did not have"
        if _has_children() and (running := _still_running_children()):
            return f"left {running} processes running"
        return None


def _threads() -> set[str]:
    try:
        return set(os.listdir("/proc/self/task"))  # noqa: PTH208 - a tenth of the cost
    except OSError:
        return set()


def _has_children() -> bool:
    """Return whether there is a child at all, ended or not: most processes never have any."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT | _OF_EVERY_KIND)
    except ChildProcessError:
        return False
    except (OSError, AttributeError):  # not told by this system
        return True
    return True


def _still_running_children() -> int:
    """Return how many children run and do not come to rest.

    A helper that has answered runs for a moment more; on a busy machine it waits for a core.
    """
    deadline = time.monotonic() + COMES_TO_REST_S
    while (running := _running_children()) and time.monotonic() < deadline:
        time.sleep(0.001)
    return running


def _running_children() -> int:
    running = 0
    with contextlib.suppress(OSError):
        path = f"/proc/self/task/{os.getpid()}/children"
        with open(path, "rb") as file:  # noqa: PTH123 - half the time, and at every sample
            children = file.read().decode().split()
        for child in children:
            with contextlib.suppress(OSError):
                state = Path(f"/proc/{child}/stat").read_text().rpartition(") ")[2][:1]
                running += state == "R"
    return running
