"""What a run wrote is held against what its folder holds: nothing else is believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suite.results.folder import (
    MANIFEST,
    RESULTS,
    finish_manifest,
    read_manifest,
    write_manifest,
)
from suite.results.own_records import OwnRecords


def line_of(name: str, time_s: float = 1.0) -> bytes:
    record = {"scenario": {"id": "s/1"}, "implementation": name, "time_s": time_s}
    return json.dumps(record).encode() + b"\n"


def written(path: Path, *names: str) -> OwnRecords:
    """Return the records of a call that found one line and wrote these."""
    path.write_bytes(line_of("before"))
    records = OwnRecords(path)
    with path.open("ab") as file:
        for name in names:
            file.write(line_of(name))
            records.wrote(line_of(name))
    return records


OWN = line_of("before") + line_of("a") + line_of("b")
SPOILT = {
    "appended to": (lambda path: append(path, line_of("a", 0.1)), "s/1 × a"),
    "appended to without an end": (lambda path: append(path, b"{"), "no record at all"),
    "changed": (lambda path: path.write_bytes(OWN.replace(b"1.0", b"0.1", 3)), "s/1 × before"),
    "emptied": (lambda path: path.write_bytes(line_of("before")), "0 records"),
    "put in another order": (
        lambda path: path.write_bytes(line_of("before") + line_of("b") + line_of("a")),
        "0 records",
    ),
    "written twice": (lambda path: append(path, line_of("a")), "0 records"),
    "removed": (lambda path: path.unlink(), "1 from before this call"),
    "no text": (lambda path: append(path, b"\xff\xfe\n"), "no record at all"),
}


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def test_what_nobody_touched_is_left_alone(tmp_path):
    records = written(tmp_path / RESULTS, "a", "b")
    before = (tmp_path / RESULTS).stat()

    assert records.restore() is None
    assert (tmp_path / RESULTS).stat() == before


@pytest.mark.parametrize("how", SPOILT)
def test_whatever_was_done_to_the_file_what_the_run_wrote_is_there_again(tmp_path, how):
    path = tmp_path / RESULTS
    records = written(path, "a", "b")
    spoil, told = SPOILT[how]
    spoil(path)

    assert not records.intact
    said = records.restore()

    assert said is not None
    assert told in said
    assert path.read_bytes().endswith(line_of("a") + line_of("b"))
    assert set(path.read_bytes().splitlines(keepends=True)) <= set(OWN.splitlines(keepends=True))


def test_a_link_in_the_files_place_is_replaced_and_its_target_left_alone(tmp_path):
    path, target = tmp_path / RESULTS, tmp_path / "elsewhere"
    records = written(path, "a")
    path.rename(target)
    path.symlink_to(target)

    assert records.restore() is not None
    assert not path.is_symlink()
    assert path.read_bytes() == target.read_bytes() == line_of("before") + line_of("a")


@pytest.mark.parametrize("content", ['{"schema_version": 2, "name": "other"}', "{", None])
def test_a_manifest_that_was_replaced_is_written_again_and_named(tmp_path, content):
    manifest = {"name": "mine", "settings": {"threads": 2}}
    write_manifest(tmp_path, manifest)
    assert finish_manifest(tmp_path, {"wall_s": 1}, manifest) is None
    (tmp_path / MANIFEST).unlink()
    if content is not None:
        (tmp_path / MANIFEST).write_text(content)

    said = finish_manifest(tmp_path, {"wall_s": 1}, manifest)

    assert said is not None
    assert MANIFEST in said
    assert read_manifest(tmp_path)["name"] == "mine"
