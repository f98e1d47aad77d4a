"""What Python and the operating system keep for the whole process, besides torch's own switches.

Each aspect can be read and, mostly, put back. What a system does not have is left out.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import functools
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch


class First(Enum):
    """What becomes of a change that a module's import, or a first call, has made."""

    REFUSED = "refused"
    UNDONE = "undone"
    """Put back, and said: libraries do such things, and their rows can do without."""
    KEPT = "kept"
    """Said: libraries need it, and no work of others depends on it."""


@dataclass(frozen=True)
class Aspect:
    """One thing that a call must leave as it is."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    first: First = First.REFUSED
    shows_values: bool = True


def aspects() -> list[Aspect]:
    """Return what this system has."""
    every = [*_arithmetic(), *_of_interpreter(), *_of_system(), *_of_signals()]
    return [aspect for aspect in every if _is_readable(aspect)]


def _is_readable(aspect: Aspect) -> bool:
    try:
        aspect.read()
    except (OSError, AttributeError, ValueError):
        return False
    return True


# -- arithmetic ------------------------------------------------------------------------------------

_SMALLEST, _HALF_AN_ULP = 5e-324, 1e-17


def _arithmetic() -> list[Aspect]:
    return [Aspect("arithmetic", _how_numbers_round, _set_rounding)]


def _how_numbers_round() -> str:
    """Return how this thread computes, by computing: whatever the processor calls its modes."""
    one, tiny, least = 1.0, _HALF_AN_ULP, _SMALLEST
    if (one + tiny, one - tiny, -one - tiny) != (one, one, -one):
        return "rounds in one direction"
    return "keeps denormals" if least * one else "flushes denormals to zero"


@functools.cache
def _usual_environment() -> ctypes.Array[ctypes.c_char] | None:
    """Return the floating-point environment that this thread had when it was first asked for."""
    saved = ctypes.create_string_buffer(256)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).fegetenv(saved)
        return saved
    return None


def _set_rounding(how: str) -> None:
    saved = _usual_environment()
    if saved is not None:
        ctypes.CDLL(None).fesetenv(saved)
    torch.set_flush_denormal(how == "flushes denormals to zero")


# -- the interpreter -------------------------------------------------------------------------------


def _of_interpreter() -> list[Aspect]:
    here = [
        Aspect("garbage collection", gc.isenabled, _enable_collection),
        Aspect("thresholds of garbage collection", gc.get_threshold, _set_thresholds),
        Aspect("debugging of garbage collection", gc.get_debug, gc.set_debug),
        Aspect("objects hidden from garbage collection", _hides_objects, lambda _: gc.unfreeze()),
        Aspect(
            "callbacks of garbage collection",
            lambda: list(gc.callbacks),
            functools.partial(_refill, gc.callbacks),
            First.UNDONE,
            shows_values=False,
        ),
        Aspect("trace function", sys.gettrace, sys.settrace),
        Aspect("profile function", sys.getprofile, sys.setprofile),
        Aspect(
            "trace function of threads",
            lambda: getattr(threading, "_trace_hook", None),
            threading.settrace,
        ),
        Aspect(
            "profile function of threads",
            lambda: getattr(threading, "_profile_hook", None),
            threading.setprofile,
        ),
        Aspect("switch interval", sys.getswitchinterval, sys.setswitchinterval),
        Aspect("fault handler", faulthandler.is_enabled, _enable_fault_handler),
        Aspect(
            "import hooks",
            lambda: [list(sys.meta_path), list(sys.path_hooks)],
            _set_import_hooks,
            First.KEPT,
            shows_values=False,
        ),
    ]
    if hasattr(sys, "monitoring"):  # from Python 3.12 on
        here.append(Aspect("monitoring tools", _monitoring, _stop_monitoring, shows_values=False))
    return here


def _enable_collection(is_enabled: bool) -> None:
    (gc.enable if is_enabled else gc.disable)()


def _set_thresholds(thresholds: tuple[int, int, int]) -> None:
    gc.set_threshold(*thresholds)


def _hides_objects() -> bool:
    """Return whether the collector has lost sight of what was made in this process.

    How many objects are hidden takes 30 ms to count: the fork server hides all that it has.
    """
    mark = _mark_of(os.getpid())
    return not any(each is mark for each in gc.get_objects())


@functools.cache
def _mark_of(_: int) -> list[str]:
    """Return an object that the collector sees, one for each process."""
    return ["seen"]


def _refill(holder: list[Any], entries: list[Any]) -> None:
    holder[:] = entries


def _set_import_hooks(hooks: list[list[Any]]) -> None:
    sys.meta_path[:], sys.path_hooks[:] = hooks


def _enable_fault_handler(is_enabled: bool) -> None:
    if is_enabled:
        faulthandler.enable(all_threads=False)
    else:
        faulthandler.disable()


def _monitoring() -> list[tuple[int, str | None, int]]:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    tools = [(tool, monitoring.get_tool(tool)) for tool in range(6)]
    return [(tool, name, monitoring.get_events(tool) if name else 0) for tool, name in tools]


def _stop_monitoring(before: list[tuple[int, str | None, int]]) -> None:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    for (tool, name, events), now in zip(before, _monitoring(), strict=True):
        if now != (tool, name, events) and now[1]:
            monitoring.set_events(tool, events if now[1] == name else 0)
            if name is None:
                monitoring.free_tool_id(tool)


# -- the operating system --------------------------------------------------------------------------


def _of_system() -> list[Aspect]:
    here = [
        Aspect("working folder", os.getcwd, os.chdir),
        Aspect("environment", _environment, _set_environment, First.KEPT, shows_values=False),
    ]
    if hasattr(os, "sched_getaffinity"):
        here += [
            Aspect(
                "affinity",
                lambda: sorted(os.sched_getaffinity(0)),
                lambda cores: os.sched_setaffinity(0, cores),
            ),
            Aspect(
                "scheduling policy",
                lambda: (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority),
                lambda was: os.sched_setscheduler(0, was[0], os.sched_param(was[1])),
            ),
        ]
    if hasattr(os, "getpriority"):
        here.append(
            Aspect(
                "priority",
                lambda: os.getpriority(os.PRIO_PROCESS, 0),
                lambda nice: os.setpriority(os.PRIO_PROCESS, 0, nice),
            )
        )
    return here


def _environment() -> dict[Any, Any]:
    """Return the variables as they are stored: decoding all of them takes 0.1 ms."""
    return dict(getattr(os.environ, "_data", os.environ))


def _set_environment(before: dict[Any, Any]) -> None:
    as_text = os.fsdecode if hasattr(os.environ, "_data") else str
    wanted = {as_text(name): as_text(value) for name, value in before.items()}
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


# -- signals ---------------------------------------------------------------------------------------


def _of_signals() -> list[Aspect]:
    here = [
        Aspect(
            "signal handlers",
            lambda: dict(zip(_SIGNALS, map(_handler_of, _SIGNALS), strict=True)),
            _set_handlers,
            First.KEPT,
            shows_values=False,
        )
    ]
    if hasattr(signal, "pthread_sigmask"):
        here.append(
            Aspect(
                "blocked signals",
                lambda: sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
                lambda mask: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
                shows_values=False,
            )
        )
    if hasattr(signal, "getitimer"):
        here.append(Aspect("alarms", _alarms, _stop_alarms))
    return here


_handler_of: Callable[[int], Any] = getattr(
    sys.modules.get("_signal"), "getsignal", signal.getsignal
)
_SIGNALS = tuple(map(int, sorted(signal.valid_signals())))
"""As numbers, and read without the detour that makes names of them: it takes 0.1 ms."""


def _set_handlers(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, handler)


def _timers() -> list[int]:
    return [signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF]


def _alarms() -> list[bool]:
    """Return which of the process's timers run."""
    return [any(signal.getitimer(timer)) for timer in _timers()]


def _stop_alarms(before: list[bool]) -> None:
    for timer, ran in zip(_timers(), before, strict=True):
        if not ran:
            signal.setitimer(timer, 0)
