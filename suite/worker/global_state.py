"""Global state: what an implementation must leave as it found it.

Snapshots, not a list of what is forbidden: torch's switches (`suite.worker.torch_flags`), its modes
and hooks, and what Python and the operating system keep for the process
(`suite.worker.process_state`). What was changed is put back. A call that changes something and puts
it back itself is nobody's concern.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
from typing import Any

import torch

from suite.worker.process_state import Aspect, First, aspects
from suite.worker.torch_flags import put_back, switches, value_of

_LONGEST = 60


class GlobalState:
    """A snapshot; `restore` puts back what changed since and says what that was."""

    def __init__(self) -> None:
        self._aspects = _all_aspects()
        self._before = [value_of(aspect.read) for aspect in self._aspects]

    def restore(self) -> list[str]:
        """Return one phrase for each change, e.g. "number of threads 2 → 1"."""
        return self._restored(lenient=False)[0]

    def settle(self) -> tuple[list[str], list[str]]:
        """Do the same after an import or a first call, which may do what no later call may.

        Returns:
            What counts as a fault, and what is only to be said. That is in part put back, in part
            kept as from now on.
        """
        return self._restored(lenient=True)

    def _restored(self, *, lenient: bool) -> tuple[list[str], list[str]]:
        faults: list[str] = []
        notes: list[str] = []
        for index, aspect in enumerate(self._aspects):
            before, now = self._before[index], value_of(aspect.read)
            if now == before:
                continue
            text = _change(aspect, before, now)
            first = aspect.first if lenient else First.REFUSED
            if first is First.KEPT:
                self._before[index] = now
            else:
                _put_back(aspect, before)
                if value_of(aspect.read) != before:
                    text += ", which cannot be undone"
                    self._before[index] = value_of(aspect.read)
            (faults if first is First.REFUSED else notes).append(text)
        return faults, notes


def _put_back(aspect: Aspect, before: Any) -> None:
    with contextlib.suppress(Exception):  # whoever reads it again says so
        put_back(aspect.write, before)


def _change(aspect: Aspect, before: Any, now: Any) -> str:
    """Return the change in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = [key for key in {**before, **now} if before.get(key) != now.get(key)]
        shown = ", ".join(map(_name, names[:4]))
        return f"{aspect.name}: {shown}{' and more' if len(names) > 4 else ''}"
    if not aspect.shows_values:
        return aspect.name
    return f"{aspect.name} {_short(before)} → {_short(now)}"


def _name(key: Any) -> str:
    """Return what a variable, or a signal, is called."""
    if isinstance(key, int):
        return signal.Signals(key).name if key in set(signal.Signals) else f"signal {key}"
    return os.fsdecode(key)


def _short(value: Any) -> str:
    try:
        text = getattr(value, "__name__", None) or str(value)
    except Exception:
        text = type(value).__name__
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


@functools.cache
def _all_aspects() -> list[Aspect]:
    flags = [Aspect(_NAMES.get(name, name), read, write) for name, read, write in switches()]
    # Keys come last, when what they stand for was put back.
    return [*_modes(), *flags, *aspects(), _dispatch_keys()]


_NAMES = {
    "torch.num_threads": "number of threads",
    "torch.default_dtype": "default dtype",
    "torch.grad_enabled": "grad mode",
}


# -- what torch keeps apart from its switches ------------------------------------------------------


def _modes() -> list[Aspect]:
    here = [
        Aspect("default device", _default_device, _set_device),
        Aspect("modes of torch functions", torch._C._len_torch_function_stack, _pop_functions),
        Aspect("dispatch modes", torch._C._len_torch_dispatch_stack, _pop_dispatch),
        Aspect("hooks of all modules", _module_hooks, _drop_module_hooks, shows_values=False),
        Aspect(
            "operators of torch replaced by Python",
            lambda: len(torch.library._impls),
            lambda _: None,
            First.KEPT,
            shows_values=False,
        ),
        Aspect("random state", _random_state, _set_random_state, shows_values=False),
    ]
    return [aspect for aspect in here if value_of(aspect.read) is not None]


def _default_device() -> Any:
    """Return what `set_default_device` was given, if it was; it keeps a mode for that."""
    return getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None) or "none"


def _set_device(before: Any) -> None:
    torch.set_default_device(None if before == "none" else before.device)


def _dispatch_keys() -> Aspect:
    """Return what autocast, inference mode and the like add for this thread; each is put back."""

    def read() -> tuple[int, int]:
        return (
            torch._C._dispatch_tls_local_include_set().raw_repr(),
            torch._C._dispatch_tls_local_exclude_set().raw_repr(),
        )

    return Aspect("dispatch keys of this thread", read, lambda _: None, shows_values=False)


def _pop_functions(depth: int) -> None:
    while torch._C._len_torch_function_stack() > depth:
        torch._C._pop_torch_function_stack()


def _pop_dispatch(depth: int) -> None:
    while torch._C._len_torch_dispatch_stack() > depth:
        sys.modules["torch.utils._python_dispatch"]._pop_mode()


_HOOK_TABLES: list[dict[Any, Any]] = [
    table
    for name, table in sorted(vars(torch.nn.modules.module).items())
    if name.startswith("_global_") and isinstance(table, dict)
]


def _module_hooks() -> list[list[Any]]:
    return [list(table.items()) for table in _HOOK_TABLES]


def _drop_module_hooks(before: list[list[Any]]) -> None:
    for table, entries in zip(_HOOK_TABLES, before, strict=True):
        table.clear()
        table.update(entries)


def _random_state() -> bytes:
    return torch.random.get_rng_state().numpy().tobytes()


def _set_random_state(state: bytes) -> None:
    torch.random.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
