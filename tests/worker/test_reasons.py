"""Which line of an exception is named: the implementation's own, however deep it was raised."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.processes.import_file import import_file
from suite.worker.outputs import failure

OWN = """\
import json
from {near} import asked

def direct(text):
    return json.loads(text)

def by_neighbour(text):
    return asked(text)
"""
NEAR = """\
import json

def asked(text):
    return json.loads(text)
"""


def reason(function, own_file: str, hint: str = "") -> str:
    try:
        function("{")
    except ValueError as error:
        return failure(error, own_file, hint).reason
    raise AssertionError


@pytest.fixture
def own(tmp_path: Path):
    near = f"near_{tmp_path.name}"  # what was imported stays, and may not be another test's
    (tmp_path / f"{near}.py").write_text(NEAR)
    (tmp_path / "own.py").write_text(OWN.format(near=near))
    return import_file(tmp_path / "own.py", "reasons")


def test_the_deepest_line_of_its_own_file_is_named(own, tmp_path):
    assert reason(own.direct, str(tmp_path / "own.py")).endswith(f"({tmp_path / 'own.py'}:5)")
    assert reason(own.by_neighbour, str(tmp_path / "own.py")).endswith("own.py:8)")


def test_where_none_is_its_own_one_beside_it_is(own, tmp_path):
    said = reason(own.by_neighbour, str(tmp_path / "registers.py"))

    assert f"({tmp_path / 'near_'}" in said
    assert said.endswith(".py:4)")


def test_where_none_is_near_the_last_is_named_and_a_hint_follows(own):
    assert reason(own.direct, "", "; try pairs").endswith("); try pairs")
    assert "decoder.py:" in reason(own.direct, "/nowhere/else.py")
