"""What is said of fleets that cannot be reached, are empty, unlike, or not installed."""

from __future__ import annotations

import re
import socket
import sys

import numpy as np
import pytest

from commands._fleet import refuse_unlike
from suite.conditions import Scenario
from suite.errors import NotComparable
from suite.fleet.description import read_description
from suite.fleet.workers import Worker
from suite.problem import Problem
from tests.fleet.pretended_workers import described


def test_without_the_extra_it_says_how_to_install_it(command, tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    said = command("run", tiny, "--on", "local:2")

    assert said.code == 2
    assert re.search(r"many machines need the package dask; install it with: pip .*fleet", said.err)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--on", "http://node:8786"), "the scheme http is unknown"),
        (("--on", "nowhere.yaml"), "nowhere.yaml: no such file"),
        (("--each",), "--each is about many machines; add --on WHERE"),
        (("--split",), "--split is about many machines; add --on WHERE"),
        (("--split", "--each", "--on", "local:2"), "exclude each other"),
        (("--on", "local:2", "--profile"), "--profile looks at processes on this machine"),
        (("--on", "local:2", "--no-wait"), "leave one out"),
        (("--on", "local:2", "--plugin", "no.py"), "no.py"),
        (("--on", "local:2", "--scenario", "nope"), "no scenario of that id"),
    ],
)
def test_bad_words_are_refused_before_anything_is_started(command, tiny, words, part):
    said = command("run", tiny, *words)

    assert said.code == 2
    assert part in said.err


def test_a_network_is_not_measured_on_other_machines(command):
    said = command("run", "--on", "local:2", "--model", "m.py:build", "--input", "1x3x8x8")

    assert said.code == 2
    assert "--on and --model do not go together: a model is measured on this machine" in said.err


def test_stored_values_are_not_sent_to_other_machines(command, tmp_path):
    np.savez(tmp_path / "own.npz", input=np.ones(4, "float32"))
    layer = "id: a, in_channels: 1, out_channels: 1, input_size: 4, kernel_size: 1"
    (tmp_path / "own.yaml").write_text(f"layers: [{{{layer}, stored_values: own.npz}}]\n")

    said = command("run", "own.yaml", "--on", "local:2")

    assert said.code == 2
    assert "own/a: its stored_values are a file of this machine" in said.err


def test_a_scheduler_that_nobody_has_started_is_named_with_its_address(command, tiny, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("suite.fleet.transport.CONNECT_S", 0.5)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        said = command("run", tiny, "--on", f"tcp://127.0.0.1:{port}")

    assert said.code == 2
    assert f"tcp://127.0.0.1:{port}: no scheduler answers there" in said.err
    assert "dask scheduler" in said.err


def test_tls_without_certificates_says_which_variables_name_them(command, tiny):
    pytest.importorskip("distributed")
    said = command("run", tiny, "--on", "tls://127.0.0.1:8786")

    assert said.code == 2
    assert "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in said.err


def worker(address: str, text: str) -> Worker:
    return Worker(address, 1, description=read_description(text))


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (described("b", cpu="two"), "cpu one and two"),
        (described("b", torch="2.12.0"), "torch 2.13.0 and 2.12.0"),
        (described("b", rows=("torch",)), "only the first has mine"),
        (described("b", rows=("torch", "mine", "jax")), "only the other has jax"),
        (described("b").replace('"convgauge_version": "1"', '"convgauge_version": "2"'), "1 and 2"),
        (described("b").replace('"s/a"', '"s/b"'), "read as other scenarios"),
    ],
)
def test_unlike_machines_are_refused_by_name_with_what_differs(other, differs):
    problem = Problem(
        batch_size=1, in_channels=1, height=3, width=3, out_channels=1, kernel_h=1, kernel_w=1
    )
    alike = worker("tcp://a:1", described("a")), worker("tcp://c:1", described("c"))
    scenarios = [Scenario(id="s/a", problem=problem)]
    with pytest.raises(NotComparable) as refused:
        refuse_unlike([*alike, worker("tcp://b:1", other)], scenarios)

    told = str(refused.value)
    assert refused.value.exit_code == 5
    assert "b (tcp://b:1): " in told
    assert differs in told
    assert "c (tcp://c:1)" not in told
    assert "--each measures everything" in told


def test_alike_machines_are_none_the_worse_for_their_names():
    alike = [worker("tcp://a:1", described("a")), worker("tcp://c:1", described("c"))]

    assert refuse_unlike(alike, []).machine == "a"
