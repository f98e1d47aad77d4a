"""WHERE a command measures: workers started here, a Dask scheduler, or hosts by ssh."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from suite.errors import UsageError
from suite.fleet.hosts import HostsFile, read_hosts

ACCEPTED = (
    "local:N (N worker processes here), tcp://HOST:PORT or tls://HOST:PORT (a Dask scheduler), "
    "or a file with hosts such as hosts.yaml"
)
MOST_LOCAL = 64
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(\d{1,5})/?")


@dataclass(frozen=True)
class Local:
    """Worker processes on this machine."""

    workers: int


@dataclass(frozen=True)
class Address:
    """A Dask scheduler that is there already."""

    url: str
    host: str

    @property
    def is_open_to_others(self) -> bool:
        """Whether somebody on the network may reach it without a certificate."""
        return self.url.startswith("tcp:") and not is_loopback(self.host)


Where = Local | Address | HostsFile


def parse_where(text: str) -> Where:
    """Return what is meant.

    Raises:
        UsageError: it is none of what is accepted; the file is not there or wrong.
    """
    scheme, colon, rest = text.partition(":")
    if scheme == "local" and not Path(text).is_file():
        return _local(text, rest if colon else "1")
    if "://" in text:
        return parse_address(text)
    if Path(text).is_file():
        return read_hosts(Path(text))
    if Path(text).suffix in (".yaml", ".yml", ".txt"):
        raise UsageError(f"{text}: no such file; accepted: {ACCEPTED}")
    raise UsageError(f'"{text}" is no place to measure on; accepted: {ACCEPTED}')


def _local(text: str, number: str) -> Local:
    if not number.isdigit() or not 1 <= int(number) <= MOST_LOCAL:
        raise UsageError(f'"{text}": give a number of workers from 1 to {MOST_LOCAL}: local:2')
    return Local(int(number))


def parse_address(text: str) -> Address:
    """Return a scheduler's address.

    Raises:
        UsageError: it is none, or of an unknown scheme.
    """
    fits = _ADDRESS.fullmatch(text)
    if fits and 1 <= int(fits[3]) <= 65535:
        return Address(text.rstrip("/"), fits[2].strip("[]"))
    scheme = text.partition("://")[0]
    if scheme not in ("tcp", "tls"):
        raise UsageError(f'"{text}": the scheme {scheme} is unknown; accepted: {ACCEPTED}')
    raise UsageError(
        f'"{text}" is no address of a scheduler; give host and port: {scheme}://HOST:8786'
    )


def is_loopback(host: str) -> bool:
    """Return whether only this machine itself can be meant."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
