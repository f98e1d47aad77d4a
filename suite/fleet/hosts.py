"""A file of hosts: where they are reached by ssh, and what they cost.

    tls: {ca_file: ca.pem, cert: cert.pem, key: key.pem}     # the same paths on every machine
    hosts:
      - {address: node1, user: me, python: /opt/convgauge/bin/python, price_per_hour: 0.34}
      - {address: node2, user: me, python: /opt/convgauge/bin/python, watts: 95}

With `scheduler: tcp://…` nothing is started: the hosts are those of that scheduler, and what stands
here of them is what they cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.errors import UsageError
from suite.scenario.fields import Field
from suite.scenario.kinds import Kind, either, many, text, whole
from suite.scenario.sections import Chosen, read_chosen, refuse_key
from suite.scenario.yamltree import REFUSED, Faults, Node

MOST_BYTES = 2**20
USUAL_PYTHON = "python3"
_TEXT = text(r"\S(.*\S)?", "a text")
_HOST = text(r"[A-Za-z0-9_.:-]+", "the name or the address of a host")
_URL = text(r"(tcp|tls)://\S+:\d+", "tcp://HOST:PORT or tls://HOST:PORT")


def _positive() -> Kind:
    def convert(value: Any) -> Any:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number and 0 < value < 1e9 else REFUSED

    return Kind(accepts="a number above 0", convert=convert, json={"type": "number"})


HOST_FIELDS = (
    Field("address", _HOST, "Name or address, as ssh takes it, and as its worker is seen."),
    Field("user", _TEXT, "For ssh; the one who asks unless given."),
    Field("port", whole(1), "Of ssh."),
    Field("key", _TEXT, "File with the private key for ssh; those of the agent unless given."),
    Field("python", _TEXT, "The Python with ConvGauge on that host.", USUAL_PYTHON),
    Field("workers", whole(1), "Worker processes on that host; one measures at a time.", 1),
    Field("price_per_hour", _positive(), "In any currency, one for all hosts."),
    Field("watts", _positive(), "That the host draws under load."),
)
TLS_FIELDS = (
    Field("ca_file", _TEXT, "Certificate that signed the others."),
    Field("cert", _TEXT, "Certificate of every machine."),
    Field("key", _TEXT, "Its private key."),
)
TOP_FIELDS = (
    Field("scheduler", _URL, "A scheduler that is there; nothing is started by ssh then."),
    Field("known_hosts", _TEXT, "File with the hosts' keys; ssh's own unless given."),
    Field("currency", text(r"\S{1,8}", "a short text such as EUR"), "Of the prices."),
    Field("tls", either(_TEXT), "Files of certificates."),
    Field("hosts", many(_TEXT), "The hosts."),
)


@dataclass(frozen=True, kw_only=True)
class Host:
    """One host of the file."""

    address: str
    user: str | None = None
    port: int | None = None
    key: str | None = None
    python: str = USUAL_PYTHON
    workers: int = 1
    price_per_hour: float | None = None
    watts: float | None = None


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Files for TLS."""

    ca_file: str
    cert: str
    key: str


@dataclass(frozen=True, kw_only=True)
class HostsFile:
    """A checked file of hosts."""

    path: Path
    hosts: tuple[Host, ...]
    scheduler: str | None = None
    known_hosts: str | None = None
    currency: str = ""
    tls: Certificates | None = None

    def host_called(self, *names: str) -> Host | None:
        """Return the entry of a host that goes by any of these names, with or without a domain."""
        known = {name for name in names if name} | {name.partition(".")[0] for name in names}
        for host in self.hosts:
            if host.address in known or host.address.partition(".")[0] in known:
                return host
        return None


def read_hosts(path: Path) -> HostsFile:
    """Return a file of hosts.

    Raises:
        UsageError: all that is wrong with it, a line each: place, finding, what is accepted.
    """
    from suite.scenario.yamlreader import parse  # noqa: PLC0415 - for those who have such a file

    faults = Faults(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path}: has more than {MOST_BYTES} bytes; name fewer hosts")
        root = parse(path.read_text(encoding="utf-8-sig"), faults)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    names = [field.name for field in TOP_FIELDS]
    if not isinstance(root.value, dict):
        faults.stop(root.place, f"the file is {root}; accepted: the keys {', '.join(names)}")
    for key in root.value:
        if key not in names:
            refuse_key("the file", key, names, faults)
    sections: dict[str, Node] = {str(key): node for key, node in root.value.items()}
    hosts = _hosts(sections.get("hosts"), root, faults)
    tls = _tls(sections.get("tls"), faults)
    single = {
        field.name: field.kind.read(field.name, sections[field.name], faults)
        for field in TOP_FIELDS
        if field.name in sections and field.name not in ("hosts", "tls")
    }
    faults.raise_any()
    return HostsFile(path=path, hosts=hosts, tls=tls, **single)


def _hosts(node: Node | None, root: Node, faults: Faults) -> tuple[Host, ...]:
    if node is None or not isinstance(node.value, list) or not node.value:
        place = root.place if node is None else node.place
        what = "missing" if node is None else f"{node}"
        faults.add(place, f"hosts is {what}; accepted: a list with an entry for each host")
        return ()
    found = []
    seen: set[Any] = set()
    for item in node.value:
        values = _plain(read_chosen("hosts", item, HOST_FIELDS, faults))
        address = values.get("address")
        if isinstance(item.value, dict) and item.value and "address" not in item.value:
            faults.add(item.place, "hosts: address missing; give the host's name")
        if address is not None and address in seen:
            faults.add(item.place, f'hosts: "{address}" stands here twice; use `workers: 2`')
        seen.add(address)
        if address is not None:
            found.append(Host(**values))
    return tuple(found)


def _tls(node: Node | None, faults: Faults) -> Certificates | None:
    if node is None:
        return None
    values = _plain(read_chosen("tls", node, TLS_FIELDS, faults))
    missing = [field.name for field in TLS_FIELDS if field.name not in values]
    if missing:
        faults.add(node.place, f"tls: {', '.join(missing)} missing; give all three files")
        return None
    return Certificates(**values)


def _plain(chosen: Chosen) -> dict[str, Any]:
    return {name: setting.value for name, setting in chosen.items() if setting.value is not REFUSED}
