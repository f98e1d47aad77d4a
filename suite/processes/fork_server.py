"""The server that processes are forked from, and the environment that they find.

It has imported torch and computed nothing (a parallel region before the fork would hang the
child): the first process costs seconds, every later fresh one some ten milliseconds. Where there
is no fork server, processes are spawned.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import sys
import types
from collections.abc import Iterator
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, SpawnContext

from suite import own_imports
from suite.processes.caches import for_compiled_code
from suite.processes.environment import variables
from suite.processes.scratch import folder_for_sockets

PRELOAD = [own_imports.own_name("suite.preload")]
OPEN_FILES = 8192
FEW_FILES = 256
"""A process that may open fewer keeps none open for later."""

SHORT_SPIN = {"GOMP_SPINCOUNT": "30000"}
KEPT_BLOCKS = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}


_early: list[int] = []
"""A server that was started before anybody needed it."""


def start_early() -> None:
    """Start the server while its command still reads what it is asked: it takes two seconds.

    What hinders it is said when a process is needed. Where none ever is, it ends with this process.
    """
    if server_pid() is None:
        with contextlib.suppress(OSError):
            process_context()
            if pid := server_pid():
                _early[:] = [pid]
                atexit.register(_end_unused)


def _end_unused() -> None:
    for pid in _early:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def process_context() -> ForkServerContext | SpawnContext:
    _early.clear()
    _allow_many_files()
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    _keep_sockets_with_us()
    with _server_environment():
        forkserver.ensure_running()
    return context


def _keep_sockets_with_us() -> None:
    """Have multiprocessing put its sockets into our folder for temporary files.

    It would make one of its own, which stays when this process is killed, wherever TMPDIR is: a
    socket's path has to be short.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    if config.get("tempdir") is None:
        config["tempdir"] = str(folder_for_sockets())


def server_pid() -> int | None:
    """Return the process that others are forked from; None where they are spawned."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return None
    pid: int | None = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    return pid


@contextlib.contextmanager
def _server_environment() -> Iterator[None]:
    """Set what the fork server, and so every process, has to find in its environment.

    It looks for what it preloads on a path of its own, and skips silently what it does not find.
    """
    ours = own_imports.environment_to_find_us() | steady_environment() | for_compiled_code()
    with variables(ours):
        yield


def steady_environment() -> dict[str, str]:
    """Return the variables that make a call's time its own, each unless the user chose.

    libgomp's threads spin for 9 ms after their work, and every turn waits until they sleep; a
    millisecond still bridges the gaps within and between calls.

    glibc gives large freed blocks back to the system, and their pages cost a fault each when they
    are wanted again. Which outputs meet that is chance, a layer's every second one perhaps, and no
    median stands above it. So blocks are kept, as far as glibc can (32 MiB each), as they are
    between the layers of a network.
    """
    variables: dict[str, str] = {}
    if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        variables |= SHORT_SPIN
    if not any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        variables |= KEPT_BLOCKS
    return variables


def chosen_environment() -> dict[str, str]:
    """Return this process's variables without those that `steady_environment` gave it.

    A run that a process of a run starts has them, and they are no choice of the user's.
    """
    variables = dict(os.environ)
    for ours in (SHORT_SPIN, KEPT_BLOCKS):
        if ours.items() <= variables.items():
            variables = {name: value for name, value in variables.items() if name not in ours}
    return variables


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Hide the main module, which multiprocessing would import again in every child.

    No child needs it: what they run is in `suite`. Under pytest it would cost 0.3 s a process.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def are_files_few() -> bool:
    """Return whether this process may open fewer than `FEW_FILES`."""
    if sys.platform == "win32":
        return False
    import resource  # noqa: PLC0415 - not there on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft != resource.RLIM_INFINITY and soft < FEW_FILES


def _allow_many_files() -> None:
    """Raise this process's limit of open files as far as it may itself.

    Every row of a race has a process, its channel and shared memory, and systems start with as
    little as 256.
    """
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not there on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
