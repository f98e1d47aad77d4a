"""Where few files may be open a process is refused, and the server that forks goes on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such limit")

START_MANY = """
import resource, sys
from pathlib import Path

resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))

from suite.measuring.judge_client import JUDGE_PROCESS
from suite.messages.judge import Facts
from suite.processes.peer import Peer, ProcessFailed

peers = []
try:
    while len(peers) < 32:
        peers.append(Peer(JUDGE_PROCESS, 1, name="many", log=Path(sys.argv[1])))
except ProcessFailed as failed:
    print(failed.reason)
for peer in peers:
    assert peer.ask(Facts()).reply
    peer.close()
print(f"{len(peers)} answered")
"""


def test_a_process_too_many_is_refused_and_those_before_it_answer(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", START_MANY, tmp_path / "log.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    refused, answered = done.stdout.splitlines()
    assert "no process can be started: Too many open files" in refused
    assert int(answered.split()[0]) >= 2
