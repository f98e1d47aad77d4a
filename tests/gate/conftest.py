"""Gates in this process fork their sides, unless a test asks for interpreters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from suite.gate import side
from suite.processes.peer import Peer
from tests.gate.forked import fork_sides


@pytest.fixture(scope="package", autouse=True)
def _forked() -> Iterator[None]:
    fork_sides()
    yield
    side.Peer = Peer


@pytest.fixture
def interpreters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each side's processes started as gates start them."""
    monkeypatch.setattr(side, "Peer", Peer)
