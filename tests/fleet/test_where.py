"""WHERE and files of hosts: what is accepted, and what is said of the rest."""

from __future__ import annotations

import pytest

from suite.errors import UsageError
from suite.fleet.hosts import Host, read_hosts
from suite.fleet.where import Address, Local, parse_where


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("local:2", Local(2)),
        ("local", Local(1)),
        ("tcp://10.0.0.1:8786", Address("tcp://10.0.0.1:8786", "10.0.0.1")),
        ("tls://[::1]:22/", Address("tls://[::1]:22", "::1")),
    ],
)
def test_places_that_are_accepted(text, meant):
    assert parse_where(text) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("local:0", "from 1 to 64"),
        ("local:two", "from 1 to 64"),
        ("http://node:1", "scheme http is unknown"),
        ("tcp://node", "give host and port"),
        ("tcp://node:99999", "give host and port"),
        ("hosts.yaml", "no such file"),
        ("node1", "no place to measure on"),
    ],
)
def test_what_is_no_place_is_said_with_what_is(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"accepted|give") as refused:
        parse_where(text)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("tcp://127.0.0.1:8786", False),
        ("tcp://localhost:8786", False),
        ("tcp://[::1]:8786", False),
        ("tcp://10.1.2.3:8786", True),
        ("tcp://node7:8786", True),
        ("tls://node7:8786", False),
    ],
)
def test_an_address_beyond_this_machine_without_tls_is_open_to_others(url, is_open):
    assert parse_where(url).is_open_to_others is is_open


def test_hosts_are_read_with_what_they_cost(tmp_path):
    path = tmp_path / "hosts.yaml"
    path.write_text(
        "currency: EUR\n"
        "hosts:\n"
        "  - {address: node1.example.org, user: me, price_per_hour: 0.3}\n"
        "  - {address: 10.0.0.7, python: /opt/c/bin/python, workers: 2, watts: 95}\n"
    )
    file = read_hosts(path)

    assert file.hosts[1] == Host(
        address="10.0.0.7", python="/opt/c/bin/python", workers=2, watts=95.0
    )
    assert file.host_called("node1") is file.hosts[0]
    assert file.host_called("vm", "10.0.0.7") is file.hosts[1]
    assert file.host_called("elsewhere") is None


WRONG = """\
hosts:
  - {address: node1, prise: 1}
  - {adress: node2}
  - {address: node1, watts: -1}
tls: {ca_file: ca.pem}
nope: 1
"""


def test_all_that_is_wrong_with_a_file_of_hosts_is_said_at_once(tmp_path):
    path = tmp_path / "hosts.yaml"
    path.write_text(WRONG)
    with pytest.raises(UsageError) as refused:
        read_hosts(path)

    told = str(refused.value)
    for part in (
        'hosts.yaml:2:22: hosts: unknown key "prise"',
        'Did you mean "address"?',
        "address missing",
        '"node1" stands here twice',
        "watts is -1; accepted: a number above 0",
        "tls: cert, key missing",
        'unknown key "nope". Accepted: scheduler, known_hosts, currency, tls, hosts',
    ):
        assert part in told


@pytest.mark.parametrize("text", ["", "- a\n", "hosts: []\n", "hosts: node1\n", "hosts: [node1]\n"])
def test_a_file_without_hosts_is_refused(tmp_path, text):
    path = tmp_path / "hosts.yaml"
    path.write_text(text)

    with pytest.raises(UsageError, match=r"accepted|give at least"):
        read_hosts(path)
