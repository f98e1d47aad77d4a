"""What keeps processes of the same user out of each other, as far as the system lets it (Linux).

A process whose memory the kernel calls not dumpable can be neither traced, nor read or written
through /proc or `process_vm_writev`, and its descriptors cannot be opened there: by nobody but who
has CAP_SYS_PTRACE, which the superuser has. So whoever runs other people's code gives that up, for
itself and for whatever it starts. docs/isolation.md says what all this does not protect from.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 3, 4, 24  # linux/prctl.h
_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h, as the numbers below
_SYS_MODULE, _SYS_RAWIO, _SYS_PTRACE, _BPF = 16, 17, 19, 39
_REACHING = (_SYS_MODULE, _SYS_RAWIO, _SYS_PTRACE, _BPF)
"""What lets the superuser into other processes' memory, or the kernel's."""
_FIRST_TO_GO = "500"
"""Of 1000; of those that use as much memory as another, the system ends this one first."""


def keep_others_out() -> None:
    """Let no other process of this user look into this one, nor write to it."""
    _set_dumpable(0)


@contextlib.contextmanager
def let_in() -> Iterator[None]:
    """Let others in, and this process write to its own files in /proc, for a moment."""
    before = _prctl(_PR_GET_DUMPABLE)
    _set_dumpable(1)
    try:
        yield
    finally:
        _set_dumpable(max(before, 0))


def let_others_in() -> None:
    """Let others in for good: for a process that nothing depends on, and that perf looks at."""
    _set_dumpable(1)


def run_others_code() -> None:
    """Give up, for good, the means to reach into other processes, and be first to make room.

    Called by a process before it runs other people's code.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError), let_in():
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    for capability in _REACHING:
        _prctl(_PR_CAPBSET_DROP, capability)  # or a program that is started has them again
    _drop_capabilities()


def _set_dumpable(value: int) -> None:
    _prctl(_PR_SET_DUMPABLE, value)


def _prctl(option: int, value: int = 0) -> int:
    if sys.platform != "linux":
        return -1
    return int(ctypes.CDLL(None).prctl(option, value, 0, 0, 0))


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """Effective, permitted and inheritable, for 32 capabilities."""

    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable"))


def _drop_capabilities() -> None:
    library = ctypes.CDLL(None)
    header, sets = _Header(_CAPABILITY_VERSION_3, 0), (_Sets * 2)()
    if library.capget(ctypes.byref(header), ctypes.byref(sets)):
        return
    for capability in _REACHING:
        word, bit = divmod(capability, 32)
        for name in ("effective", "permitted", "inheritable"):
            setattr(sets[word], name, getattr(sets[word], name) & ~(1 << bit))
    library.capset(ctypes.byref(header), ctypes.byref(sets))
