"""Workers on the hosts of a file, started by ssh: Dask's SSHCluster, after a look at each host."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from suite.errors import UsageError
from suite.fleet.hosts import Host, HostsFile
from suite.program import how_to_install

CONNECT_S = 10.0
LOOK_S = 60.0
"""For a host's Python to import what it needs: from a network's file system it takes its time."""
LOOK = "import distributed, convgauge"


def started(
    file: HostsFile,
    distributed: Any,
    stack: contextlib.ExitStack,
    say: Callable[[str], object],
) -> Any:
    """Return a client of workers on all hosts; the scheduler runs on the first one.

    Raises:
        UsageError: a host cannot be reached, or has no ConvGauge; all of them are named at once.
    """
    try:
        import asyncssh  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise UsageError(
            f"hosts by ssh need the package {error.name}; install it with: "
            f"{how_to_install('fleet')}"
        ) from error
    logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
    options = [options_for(host, file) for host in file.hosts]
    troubles = asyncio.run(_troubles(file.hosts, options, asyncssh))
    if troubles:
        raise UsageError("\n".join(f"{file.path}: {trouble}" for trouble in troubles))
    if file.tls is None:
        say(
            f"{file.path}: the workers talk over plain tcp: whoever reaches them on their network "
            "runs code there; give certificates under `tls:` (docs/fleet.md)"
        )
    scheme = "tls" if file.tls else "tcp"
    first, *_ = file.hosts
    workers = [host for host in file.hosts for _ in range(host.workers)]
    try:
        cluster = distributed.SSHCluster(
            [first.address, *(host.address for host in workers)],
            connect_options=[options_for(host, file) for host in (first, *workers)],
            remote_python=[host.python for host in (first, *workers)],
            worker_class="distributed.Worker",
            worker_options={"nthreads": 1, "memory_limit": 0, "protocol": f"{scheme}://"},
            scheduler_options={
                "protocol": f"{scheme}://",
                "host": first.address,
                "port": 0,
                "dashboard": False,
            },
        )
        stack.enter_context(cluster)
        return stack.enter_context(distributed.Client(cluster, timeout=CONNECT_S))
    except Exception as error:  # asyncssh's, Dask's, and plain ones that say "Worker failed"
        raise UsageError(f"{file.path}: workers cannot be started: {error}") from error


def options_for(host: Host, file: HostsFile) -> dict[str, Any]:
    """Return how asyncssh connects to a host."""
    chosen = {
        "username": host.user,
        "port": host.port,
        "client_keys": [host.key] if host.key else None,
        "known_hosts": file.known_hosts,
    }
    given = {name: value for name, value in chosen.items() if value is not None}
    return {**given, "connect_timeout": CONNECT_S, "login_timeout": CONNECT_S}


async def _troubles(hosts: Any, options: list[dict[str, Any]], asyncssh: Any) -> list[str]:
    looks = (_trouble(host, own, asyncssh) for host, own in zip(hosts, options, strict=True))
    return [trouble for trouble in await asyncio.gather(*looks) if trouble]


async def _trouble(host: Host, options: dict[str, Any], asyncssh: Any) -> str:
    """Return what keeps a host from taking part, or an empty text."""
    try:
        async with asyncssh.connect(host.address, **options) as connection:
            command = f"{host.python} -c '{LOOK}'"
            looked = await asyncio.wait_for(connection.run(command), LOOK_S)
    except (OSError, asyncssh.Error, TimeoutError, ValueError) as error:
        reason = str(error) or f"no answer within {CONNECT_S:g} s"
        return f"{host.address}: cannot be reached by ssh: {reason}"
    if looked.exit_status == 0:
        return ""
    lines = str(looked.stderr).strip().splitlines() or ["no reason given"]
    return (
        f"{host.address}: {host.python} has not what it takes: {lines[-1]}; install ConvGauge with "
        "its extra `fleet` there, or name another `python:`"
    )
