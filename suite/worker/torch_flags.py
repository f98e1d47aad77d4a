"""Every switch of torch that its bindings have a reader and a writer for, found by looking.

A list by hand goes out of date with each version: `torch._C` names pairs like `_get_X` and
`_set_X`, and the modules below `torch.backends` have properties. What cannot be read here is left
out; what is new in a version is found.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

Read = Callable[[], Any]
Write = Callable[[Any], object]
Switch = tuple[str, Read, Write]

_OF_NO_CONCERN = ("thread_name", "rng_state", "default_device", "autocast", "tracing_state")
"""Not a switch, or one that `suite.worker.global_state` reads in another way."""
_DEVICES = ("cpu", "cuda", "mps", "xpu")
_NAMED_BACKWARDS = "enable_"
"""`enable_flash_sdp(...)` writes what `flash_sdp_enabled()` reads."""


@functools.cache
def switches() -> tuple[Switch, ...]:
    """Return name, reader and writer of every switch that can be read here."""
    every = [*_pairs(torch._C, "torch"), *_pairs(torch, "torch"), *_backends(), *_autocast()]
    readable: dict[str, Switch] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, read, write in every:
            if not any(word in name for word in _OF_NO_CONCERN) or "autocast on" in name:
                try:
                    _comparable(read())
                except Exception:
                    continue
                readable.setdefault(name, (name, read, write))
    return tuple(readable.values())


def value_of(read: Read) -> Any:
    """Return a switch's value; None where it cannot be told at the moment."""
    try:
        return read()
    except Exception:
        return None


def put_back(write: Write, value: Any) -> None:
    """Write a switch; some writers take what their readers return as several arguments."""
    try:
        write(value)
    except TypeError:
        write(*value)


def _comparable(value: Any) -> None:
    """Raise where a value says nothing by being compared."""
    if isinstance(value, torch.Tensor) or value != value:  # noqa: PLR0124 - a NaN
        raise TypeError


def _pairs(holder: Any, owner: str) -> Iterator[Switch]:
    """Yield the functions of a module that come in pairs: get_X or is_X, and set_X."""
    names = set(dir(holder))
    for name in sorted(names):
        for reads in ("_get_", "get_", "_is_", "is_"):
            if name.startswith(reads):
                what = name.removeprefix(reads)
                writes = [w for w in (f"_set_{what}", f"set_{what}") if w in names]
                if writes and callable(getattr(holder, name, None)):
                    yield f"{owner}.{what}", getattr(holder, name), getattr(holder, writes[0])
        if name.startswith(_NAMED_BACKWARDS):
            what = name.removeprefix(_NAMED_BACKWARDS) + "_enabled"
            if what in names:
                yield f"{owner}.{what}", getattr(holder, what), getattr(holder, name)


def _backends() -> Iterator[Switch]:
    loaded = [name for name in sys.modules if name.split(".")[:2] == ["torch", "backends"]]
    seen: set[int] = set()
    for name in sorted(loaded):
        yield from _of_backend(sys.modules[name], name.removeprefix("torch.backends."), seen)


def _of_backend(holder: Any, owner: str, seen: set[int]) -> Iterator[Switch]:
    if id(holder) in seen:
        return
    seen.add(id(holder))
    yield from _pairs(holder, owner)
    for name in _properties(type(holder)):
        yield f"{owner}.{name}", *_attribute(holder, name)
    for name, value in list(vars(holder).items()):
        if type(value).__module__.startswith("torch.backends") and not isinstance(value, type):
            yield from _of_backend(value, f"{owner}.{name}", seen)


def _properties(kind: type) -> Iterator[str]:
    """Yield the names that an object's class reads and writes by code."""
    for each in kind.__mro__[:-1]:
        for name, value in vars(each).items():
            by_code = hasattr(type(value), "__get__") and hasattr(type(value), "__set__")
            if by_code and not name.startswith("__"):
                yield name
        if "__getattr__" in vars(each) and "__setattr__" in vars(each):
            code = getattr(vars(each)["__getattr__"], "__code__", None)
            constants = code.co_consts if code else ()
            yield from (c for c in constants if isinstance(c, str) and c.isidentifier())


def _attribute(holder: Any, name: str) -> tuple[Read, Write]:
    return lambda: getattr(holder, name), lambda value: setattr(holder, name, value)


def _autocast() -> Iterator[Switch]:
    for device in _DEVICES:
        yield (
            f"autocast on {device}",
            functools.partial(torch.is_autocast_enabled, device),
            functools.partial(torch.set_autocast_enabled, device),
        )
        yield (
            f"type of autocast on {device}",
            functools.partial(torch.get_autocast_dtype, device),
            functools.partial(torch.set_autocast_dtype, device),
        )
