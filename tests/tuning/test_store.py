"""The table on disk: read back as written, refused when it is not one."""

from __future__ import annotations

import json
import sys

import pytest
from building import USUAL, layer, table, trial

from suite.errors import UsageError
from suite.program import COMMAND_LINE
from suite.tuning import store
from suite.tuning.learning import shapes_of

TRIALS = [trial(layer(c), {"gemm": 1.5, "other": 0.75}) for c in (8, 16, 32, 64)]


def test_a_table_is_read_back_as_it_was_written(tmp_path):
    written = store.TuningTable(
        "f", {"cpu": "a", "torch": "2"}, "today", tuple(TRIALS), {USUAL: shapes_of(TRIALS)}
    )
    store.write_table(written, tmp_path / "deep" / "f.json")
    read = store.read_table(tmp_path / "deep" / "f.json")
    assert read.shapes == written.shapes
    assert [t.problem for t in read.trials] == [t.problem for t in TRIALS]
    assert read.under(USUAL)[0].measured[0].log_speedup == pytest.approx(0.4055, abs=1e-4)
    assert read.under(USUAL._replace(threads=1)) == []
    assert list((tmp_path / "deep").iterdir()) == [tmp_path / "deep" / "f.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"schema_version": 1}',
        "\x00",
        json.dumps(
            {"schema_version": 1, "fingerprint": "f", "machine": {}, "made_at": "", "trials": [1]}
        ),
    ],
)
def test_what_is_no_table_is_named_with_a_cure(tmp_path, text):
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"f\.json: not a tuning table .*delete it") as caught:
        store.read_table(path)
    assert str(caught.value).endswith(f"tune anew: {COMMAND_LINE} tune")


def test_bytes_that_are_no_text_are_no_table(tmp_path):
    path = tmp_path / "f.json"
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UsageError, match="not a tuning table"):
        store.read_table(path)


def test_another_version_s_table_is_told_apart_from_a_broken_one(tmp_path):
    path = tmp_path / "f.json"
    path.write_text('{"schema_version": 99}')
    with pytest.raises(UsageError, match="schema version 99, this ConvGauge reads 1"):
        store.read_table(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="CONVGAUGE_TUNING"):
        store.write_table(table(TRIALS), tmp_path / "file" / "f.json")


def test_the_folder_is_the_system_s_cache_unless_one_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("CONVGAUGE_TUNING", str(tmp_path))
    assert store.cache_folder() == tmp_path
    monkeypatch.delenv("CONVGAUGE_TUNING")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert store.cache_folder() == tmp_path / "xdg" / "convgauge" / "tuning"


def test_the_fingerprint_follows_the_machine_and_torch():
    facts = store.machine_facts("2.6")
    same, other_torch = store.fingerprint_of(facts), store.fingerprint_of({**facts, "torch": "9"})
    assert same == store.fingerprint_of(store.machine_facts("2.6"))
    assert len({same, other_torch, store.fingerprint_of({**facts, "cpu": "other"})}) == 3
