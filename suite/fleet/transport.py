"""Dask as a telephone: who is there, and one question at a time to each of them.

Never the queue: tasks that are restricted to a worker are dealt out by Dask at once, and a worker
that comes later would idle for ever. Each question is a task of its own, pinned, never retried, its
function named and not pickled: `getattr(import_module(...), "serve")`, which every Python can read.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from suite import own_imports
from suite.errors import UsageError
from suite.fleet.hosts import HostsFile
from suite.fleet.where import Address, Local, Where, parse_address
from suite.program import how_to_install

CONNECT_S = 10.0
ASK_S = 10.0
"""For the scheduler to answer who is there."""
QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.diagnostics.nvml": False,
    "distributed.admin.system-monitor.interval": "1h",
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.tick.interval": "2s",
    "distributed.admin.tick.limit": "1h",
    "distributed.scheduler.events-cleanup-delay": "1m",
    "distributed.comm.timeouts.connect": f"{CONNECT_S:g}s",
}
"""Everything of Dask that wakes up by itself while others are timed (distributed.yaml)."""
FUNCTION = "serve"
MODULE = "suite.fleet.at_worker"


class SchedulerGone(Exception):
    """Nobody tells any more who is there."""


@dataclass(frozen=True)
class Answer:
    """What came of a question; a text or the trouble."""

    address: str
    text: str | None = None
    trouble: str = ""
    is_not_installed: bool = False
    """Whether there is no ConvGauge on that machine."""


class _ByName:
    """A function of another machine's ConvGauge: pickled as its name, and called there only."""

    __name__ = FUNCTION

    def __reduce__(self) -> Any:
        return getattr, (_Module(), FUNCTION)

    def __call__(self, *_: object) -> str:
        raise AssertionError("runs on a worker")

    def __dask_tokenize__(self) -> str:
        return FUNCTION


class _Module:
    def __reduce__(self) -> Any:
        import importlib  # noqa: PLC0415

        return importlib.import_module, (f"{own_imports.PACKAGE}.{MODULE}",)


class Transport:
    """Questions to workers, answers in `answers`.

    Args:
        client: Dask's, connected.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._pending: dict[str, Any] = {}
        """Address → the future; held, or Dask would cancel it."""

    def addresses(self) -> set[str]:
        """Return who is there now.

        Raises:
            SchedulerGone: the scheduler does not answer.
        """
        try:
            cores = self._client.sync(
                self._client.scheduler.ncores, workers=None, callback_timeout=ASK_S
            )
        except Exception as error:
            raise SchedulerGone(str(error) or type(error).__name__) from error
        return set(cores)

    def ask(self, address: str, text: str) -> None:
        """Ask one worker; the answer comes when it comes, or never."""
        future = self._client.submit(
            _ByName(),
            text,
            key=f"convgauge-{uuid.uuid4().hex}",
            workers=[address],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        self._pending[address] = future
        future.add_done_callback(lambda done: self.answers.put(_answered(address, done)))

    def forget(self, address: str) -> None:
        """Wait for no answer of a worker any more."""
        self._pending.pop(address, None)


def _answered(address: str, future: Any) -> Answer:
    """Return what came of a task, in a thread of Dask's client."""
    try:
        return Answer(address, text=future.result(timeout=ASK_S))
    except ModuleNotFoundError as error:
        return Answer(address, trouble=str(error), is_not_installed=_is_ours(error))
    except BaseException as error:  # whatever Dask makes of a lost worker, cancelling included
        return Answer(address, trouble=f"{type(error).__name__}: {error}".strip(": "))


def _is_ours(error: ModuleNotFoundError) -> bool:
    return (error.name or "").partition(".")[0] == own_imports.PACKAGE or (
        own_imports.PACKAGE in str(error)
    )


@contextlib.contextmanager
def connected(where: Where, say: Callable[[str], object]) -> Iterator[Transport]:
    """Give the fleet for as long as the block lasts; what was started for it ends with it.

    Raises:
        UsageError: Dask is not installed, the scheduler cannot be reached, or hosts cannot.
    """
    dask, distributed = _dask()
    if isinstance(where, HostsFile) and where.scheduler is not None:
        where_tls, where = where.tls, parse_address(where.scheduler)
    else:
        where_tls = where.tls if isinstance(where, HostsFile) else None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with dask.config.set({**QUIET, **_tls_config(where_tls)}), contextlib.ExitStack() as stack:
        if isinstance(where, Local):
            client = _local(where, distributed, stack)
        elif isinstance(where, Address):
            client = _at(where, distributed, dask, stack)
            if where.is_open_to_others:
                say(
                    f"{where.url} is neither on this machine nor encrypted: whoever reaches it "
                    "runs code on all of its machines; docs/fleet.md has the commands for tls://"
                )
        else:
            from suite.fleet.ssh import started  # noqa: PLC0415 - for hosts only

            client = started(where, distributed, stack, say)
        yield Transport(client)


def _dask() -> tuple[Any, Any]:
    try:
        import dask  # noqa: PLC0415 - half a second, and an extra
        import distributed  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            f"many machines need the package {error.name}; install it with: "
            f"{how_to_install('fleet')}"
        ) from error
    return dask, distributed


def _tls_config(certificates: Any) -> dict[str, Any]:
    """Return Dask's settings for the certificates of a file of hosts."""
    if certificates is None:
        return {}
    pair = {"cert": certificates.cert, "key": certificates.key}
    return {
        "distributed.comm.tls.ca-file": certificates.ca_file,
        "distributed.comm.require-encryption": True,
        **{
            f"distributed.comm.tls.{role}.{name}": path
            for role in ("client", "scheduler", "worker")
            for name, path in pair.items()
        },
    }


def _local(where: Local, distributed: Any, stack: contextlib.ExitStack) -> Any:
    """Start workers here, with certificates of this run alone: others may share this machine."""
    from suite.processes.scratch import own_folder  # noqa: PLC0415

    try:
        security = distributed.Security.temporary()
    except ImportError as error:
        raise UsageError(
            f"many machines need the package {error.name or 'cryptography'}; install it with: "
            f"{how_to_install('fleet')}"
        ) from error
    cluster = stack.enter_context(
        distributed.LocalCluster(
            n_workers=where.workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=None,
            host="127.0.0.1",
            protocol="tls://",
            security=security,
            dashboard_address=None,
            worker_dashboard_address=None,
            silence_logs=logging.CRITICAL,
            local_directory=str(own_folder()),
        )
    )
    return stack.enter_context(distributed.Client(cluster, security=security))


def _at(where: Address, distributed: Any, dask: Any, stack: contextlib.ExitStack) -> Any:
    if where.url.startswith("tls:"):
        _refuse_without_certificates(dask)
    try:
        return stack.enter_context(
            distributed.Client(where.url, timeout=CONNECT_S, set_as_default=False)
        )
    except (OSError, TimeoutError) as error:
        raise UsageError(
            f"{where.url}: no scheduler answers there within {CONNECT_S:g} s "
            f"({_first_line(error)}); start one with: dask scheduler, and workers with: "
            f"dask worker {where.url}"
        ) from error
    except Exception as error:
        raise UsageError(f"{where.url}: {_first_line(error)}") from error


def _refuse_without_certificates(dask: Any) -> None:
    wanted = ("ca-file", "client.cert", "client.key")
    missing = [name for name in wanted if not dask.config.get(f"distributed.comm.tls.{name}", None)]
    if missing:
        variables = ", ".join(
            f"DASK_DISTRIBUTED__COMM__TLS__{name.upper().replace('.', '__').replace('-', '_')}"
            for name in missing
        )
        raise UsageError(
            f"tls:// needs certificates: set {variables} (files; docs/fleet.md makes them)"
        )


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
