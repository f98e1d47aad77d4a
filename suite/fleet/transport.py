"""Dask as a telephone: who is there, and one question at a time to each of them.

Never the queue: tasks that are restricted to a worker are dealt out by Dask at once, and a worker
that comes later would idle for ever. Each question is a task of its own, pinned, never retried, its
function named and not pickled: `getattr(import_module(...), "serve")`, which every Python can read.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import subprocess
import sys
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
END_S = 5.0
"""For a worker that was told to end."""
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
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
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
        tend: looks after workers that we have started.
    """

    def __init__(self, client: Any, tend: Callable[[], object] = lambda: None) -> None:
        self._client = client
        self._tend = tend
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._pending: dict[str, Any] = {}
        """Address → the future; held, or Dask would cancel it."""

    def addresses(self) -> set[str]:
        """Return who is there now.

        Raises:
            SchedulerGone: the scheduler does not answer.
        """
        self._tend()
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
    for name in ("distributed", "asyncio"):  # of what ends early with its loop
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with dask.config.set({**QUIET, **_tls_config(where_tls)}), contextlib.ExitStack() as stack:
        if isinstance(where, Local):
            workers, client = _local(where, dask, distributed, stack)
            yield Transport(client, workers.tend)
            return
        if isinstance(where, Address):
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


class _LocalWorkers:
    """Worker processes here. One that dies is started anew, as a new worker.

    Not by Dask's nanny, which gives up where a worker dies while it is being started, and sets
    variables that no measuring process should have.

    Args:
        settings: of Dask, certificates included, as text.
    """

    def __init__(self, number: int, scheduler: str, settings: str, folder: str) -> None:
        options = {
            "nthreads": 1,
            "memory_limit": 0,
            "host": "127.0.0.1",
            "protocol": "tls://",
            "dashboard": False,
            "local_directory": folder,
        }
        spec = json.dumps({"cls": "distributed.Worker", "opts": options})
        self._words = [
            *(sys.executable, "-m", "distributed.cli.dask_spec", scheduler),
            *("--spec", spec),
        ]
        self._environment = {
            **os.environ,
            **own_imports.environment_to_find_us(),
            "DASK_INTERNAL_INHERIT_CONFIG": settings,
        }
        self._processes = [self._started() for _ in range(number)]

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._words,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the client's, which ends them
        )

    def tend(self) -> None:
        """Start one for each that has died."""
        self._processes = [
            process if process.poll() is None else self._started() for process in self._processes
        ]

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _local(
    where: Local, dask: Any, distributed: Any, stack: contextlib.ExitStack
) -> tuple[_LocalWorkers, Any]:
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
            n_workers=0,
            host="127.0.0.1",
            protocol="tls://",
            security=security,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
        )
    )
    certificates = {
        "distributed.comm.require-encryption": True,
        "distributed.comm.tls.ca-file": security.tls_ca_file,
        "distributed.comm.tls.worker.cert": security.tls_worker_cert,
        "distributed.comm.tls.worker.key": security.tls_worker_key,
    }
    with dask.config.set(certificates):
        settings = dask.config.serialize(dask.config.global_config)
    folder = str(own_folder())
    workers = _LocalWorkers(where.workers, cluster.scheduler_address, settings, folder)
    stack.callback(workers.close)
    client = stack.enter_context(distributed.Client(cluster, security=security))
    return workers, client


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
