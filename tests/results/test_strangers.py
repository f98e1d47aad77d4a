"""A run's folder or zip from a stranger: one message, and nothing read or written beyond it."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from suite.errors import NotComparable, UsageError
from suite.results import archive
from suite.results.archive import read_archive
from suite.results.folder import MANIFEST, PROFILES, RESULTS, read_run
from suite.results.inside import MOST_BYTES, read_inside, write_whole
from tests.studies.strangers import declarations, runs, scenarios
from tests.studies.strangers.answers import Answers

STUDIES = {
    "runs": (runs.study, 35, 1),
    "scenarios": (scenarios.study, 250, 0),
    "declarations": (declarations.study, 40, 0),
}
"""What is mutated → its study, how many mutations, and from which on: no picture is drawn."""


@pytest.mark.parametrize("name", STUDIES)
def test_no_mutation_ends_in_a_defect_a_traceback_or_a_character_that_steers(name, tmp_path):
    study, count, first = STUDIES[name]
    answers = Answers()
    study(min(count, runs.DRAWN - 1) if name == "runs" else count, 3, first, tmp_path, answers)
    assert answers.faults == []
    assert len(answers.codes) > 1


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A sound run of a few cells with profiles, in a folder."""
    folder = tmp_path / "stored"
    runs.write(folder, {name: runs.text_of(lines) for name, lines in _sound().items()})
    return folder


def _sound() -> dict[str, list]:
    return runs.plain(runs.small())


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "kept").write_text("mine")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"blocks": []}, "status passed with 0 blocks"),
        ({"threads": 10**400}, "threads: found 1000"),
        ({"executed_flops": -1}, "executed_flops: found -1"),
        ({"peak_bytes": 2.5}, "peak_bytes: found 2.5"),
        ({"status": "fine"}, "status: found 'fine'"),
        ({"scenario.dtype": "int8"}, "scenario: dtype is 'int8'"),
        ({"scenario.device": "tpu"}, "scenario: device is 'tpu'"),
        ({"scenario.problem.height": 10**15}, "scenario.problem: the input has"),
        ({"scenario.occurrences": 0}, "scenario: occurrences is 0"),
        ({"blocks.0.samples_s": []}, r"blocks\[0\].samples_s: found none"),
        ({"blocks.0.samples_s.1": 0}, r"blocks\[0\].samples_s\[1\]: found 0"),
        ({"blocks.0.samples_s.1": -1e-3}, r"blocks\[0\].samples_s\[1\]: found -0.001"),
        ({"blocks.0.samples_s.1": float("nan")}, r"blocks\[0\].samples_s\[1\]: found nan"),
        ({"blocks.0.reference_s": 1e300}, r"blocks\[0\].reference_s: found 1e"),
        ({"ceiling.peak_flops_per_s": 0}, "ceiling.peak_flops_per_s: found 0"),
        ({"residuals.rel_l2_error": -1.0}, "residuals.rel_l2_error: found -1.0"),
    ],
)
def test_what_no_run_can_hold_is_named_by_line_and_field(change, told, stored):
    records = _sound()[RESULTS]
    ((path, value),) = change.items()
    *above, last = path.split(".")
    parent = records[0]
    for name in above:
        parent = parent[int(name) if name.isdigit() else name]
    parent[int(last) if last.isdigit() else last] = value
    (stored / RESULTS).write_text(runs.text_of(records))

    with pytest.raises(UsageError, match=rf"results\.jsonl:1: damaged record: .*{told}"):
        read_run([stored])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"machine": []}, r"machine: found \[\], expected an object"),
        ({"machine": {"cores": 0}}, "machine.cores: found 0"),
        ({"machine": {"memory_bytes": 10**400}}, "machine.memory_bytes: found 1000"),
        ({"machine": {"noise": float("inf")}}, "machine.noise: found inf"),
        ({"machine": {"caches": {"L2": 5}}}, "machine.caches.'L2': found 5"),
        ({"started_at": "yesterday"}, "started_at: found 'yesterday', expected a time"),
        ({"scenarios": "all"}, "scenarios: found 'all', expected a list"),
        ({"implementations": [{"family": "fft"}]}, r"implementations\[0\].name: found none"),
        ({"scenario_files": {}}, "scenario_files: found {}, expected a list"),
        ({"request": {"command": "run", "threads": 0}}, "request.threads: found 0"),
        ({"request": {"command": "run", "shard": {"index": 3, "count": 2}}}, "request.shard: "),
        ({"request": 5}, "request: found 5"),
        ({"summary": {"wall_s": -1}}, "summary.wall_s: found -1"),
    ],
)
def test_what_no_manifest_can_say_is_named_by_its_field(change, told, stored):
    manifest = json.loads((stored / MANIFEST).read_text())
    (stored / MANIFEST).write_text(json.dumps({**manifest, **change}))

    with pytest.raises(UsageError, match=rf"manifest\.json: not a run's manifest: {told}"):
        read_run([stored])


# -- links and pipes -----------------------------------------------------------------------------


def test_a_draft_that_is_a_link_is_replaced_and_its_target_is_kept(stored, outside, command):
    for name in ("report.html", "results.csv", "results.md"):
        (stored / f"{name}.part").symlink_to(outside / "kept")
        (stored / name).symlink_to(outside / "kept")

    said = command("report", stored, "--format", "csv", "--format", "markdown")

    assert said.code == 0
    assert contents(outside) == {str(outside / "kept"): b"mine"}
    assert not (stored / "results.csv").is_symlink()


@pytest.mark.parametrize(
    ("name", "format_name"), [("plots", "plots"), ("profiles", "flame-graphs")]
)
def test_a_folder_that_is_a_link_is_a_message_and_nothing_is_written_there(
    name, format_name, stored, outside, command
):
    (stored / name).symlink_to(outside)

    said = command("report", stored, "--format", format_name)

    assert said.code == 2
    assert f"{name}: is a link to another place" in said.err
    assert contents(outside) == {str(outside / "kept"): b"mine"}


def test_a_picture_that_is_a_link_is_replaced(stored, outside):
    (stored / "time_bars.png").symlink_to(outside / "kept")
    write_whole(stored / "time_bars.png", b"picture")
    assert (stored / "time_bars.png").read_bytes() == b"picture"
    assert contents(outside) == {str(outside / "kept"): b"mine"}


@pytest.mark.parametrize("name", [MANIFEST, RESULTS, PROFILES])
def test_a_file_that_is_a_link_is_not_read(name, stored, outside):
    (outside / "kept").write_bytes((stored / name).read_bytes())
    (stored / name).unlink()
    (stored / name).symlink_to(outside / "kept")
    with pytest.raises(UsageError, match=f"{name}: is a link"):
        read_run([stored])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system")
@pytest.mark.parametrize("name", [MANIFEST, RESULTS, PROFILES])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(name, stored):
    (stored / name).unlink()
    os.mkfifo(stored / name)
    with pytest.raises(UsageError, match=f"{name}: is no regular file"):
        read_run([stored])


def test_a_file_longer_than_any_run_is_not_read_to_its_end(stored):
    with (stored / RESULTS).open("r+b") as file:
        file.truncate(MOST_BYTES + 1)  # takes no room on the disk
    with pytest.raises(UsageError, match="has more than 1000 bytes"):
        read_inside(stored, RESULTS, most_bytes=1000)


@pytest.mark.parametrize("path", ["../../outside/kept", "/etc/passwd", "profiles/../../x/y", "a b"])
def test_a_profiles_file_outside_of_its_cells_folder_is_refused(path, stored):
    records = _sound()[PROFILES]
    records[0]["files"] = {"trace": path}
    (stored / PROFILES).write_text(runs.text_of(records))
    with pytest.raises(UsageError, match=r"profiles\.jsonl:1: .*expected profiles/CELL/FILE"):
        read_run([stored])


def test_traces_are_copied_and_links_among_them_are_not(stored, outside, command, tmp_path):
    names = [path for record in _sound()[PROFILES] for path in record["files"].values()]
    for name in names:
        (stored / name).parent.mkdir(parents=True, exist_ok=True)
        (stored / name).write_text("trace")
    (stored / names[0]).unlink()
    (stored / names[0]).symlink_to(outside / "kept")
    (stored / "profiles" / "unasked").write_text("nobody names it")

    said = command("report", stored, "--format", "csv", "--out", tmp_path / "out")

    assert said.code == 0
    copied = {path for path in contents(tmp_path / "out") if "profiles" in path}
    assert copied == {str(tmp_path / "out" / name) for name in {*names} - {names[0]}}


def test_a_run_that_is_a_link_among_others_is_left_out_of_a_history(stored, outside, command):
    (outside / "run").mkdir()
    for name in (MANIFEST, RESULTS):
        (outside / "run" / name).write_bytes((stored / name).read_bytes())
    (stored.parent / "all").mkdir()
    stored.rename(stored.parent / "all" / "own")
    (stored.parent / "all" / "linked").symlink_to(outside / "run")

    said = command("history", stored.parent / "all")

    assert "linked: is a link" in said.out
    assert "1 run" in said.out


# -- zips ----------------------------------------------------------------------------------------


def zipped(path: Path, entries: dict[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            information = zipfile.ZipInfo(name)
            information.compress_type = zipfile.ZIP_DEFLATED
            for key, value in options.items():
                setattr(information, key, value)
            file.writestr(information, content)
    return path


@pytest.fixture
def entries(stored: Path) -> dict[str, bytes]:
    return {name: (stored / name).read_bytes() for name in (MANIFEST, RESULTS, PROFILES)}


def test_a_zip_is_read_whatever_folder_it_holds_the_run_in(entries, tmp_path):
    for prefix in ("", "a/", "a/b/"):
        path = zipped(tmp_path / "x.zip", {f"{prefix}{name}": c for name, c in entries.items()})
        assert len(read_archive(path).results) == len(_sound()[RESULTS])


def test_a_damaged_record_in_a_zip_is_named_by_the_zip(entries, tmp_path):
    path = zipped(tmp_path / "x.zip", {**entries, RESULTS: b"{}\n"})
    with pytest.raises(UsageError, match=rf"{path}.*results\.jsonl:1: damaged"):
        read_archive(path)


def test_a_small_zip_of_a_long_file_is_not_unpacked(entries, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "ALWAYS_BYTES", 2**20)
    path = zipped(tmp_path / "x.zip", {**entries, RESULTS: b"\n" * 2**26})
    assert path.stat().st_size < 2**17
    with pytest.raises(UsageError, match=r"results\.jsonl is longer than a run's file can be"):
        read_archive(path)


def test_nothing_but_a_runs_three_files_leaves_a_zip(entries, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hostile = {"../escaped": b"x", "/tmp/escaped": b"x", "plots/x.png": b"x", **entries}
    before = contents(tmp_path).keys()
    path = zipped(tmp_path / "x.zip", hostile)
    assert read_archive(path).results
    assert contents(tmp_path).keys() - before == {str(path)}


def test_odd_zips_are_one_message(entries, tmp_path):
    name = tmp_path / "x.zip"
    link = zipped(name, {MANIFEST: b"/etc/passwd"}, external_attr=0o120777 << 16)
    with pytest.raises(UsageError, match="is a link"):
        read_archive(link)
    content = zipped(name, entries).read_bytes()
    encrypted = bytearray(content)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := encrypted.find(mark, at + 1)) >= 0:
            encrypted[at + offset] |= 1
    name.write_bytes(encrypted)
    with pytest.raises(UsageError, match="is encrypted"):
        read_archive(name)
    unknown = bytearray(content)
    unknown[8:10] = unknown[content.index(b"PK\x01\x02") + 10 :][:2] = b"\x63\x00"
    unknown[content.index(b"PK\x01\x02") + 10] = 0x63
    name.write_bytes(unknown)
    with pytest.raises(UsageError, match="cannot be unpacked"):
        read_archive(name)
    for end in range(0, len(content), len(content) // 40):
        name.write_bytes(content[:end])
        with pytest.raises(UsageError, match="cannot be unpacked"):
            read_archive(name)
        # Damage in the middle is seen, or is in a place that nobody reads.
        name.write_bytes(content[:end] + b"\xff" * 8 + content[end + 8 :])
        with contextlib.suppress(UsageError, NotComparable):
            read_archive(name)


def test_a_zip_of_several_runs_or_of_one_file_twice_is_refused(entries, tmp_path):
    two = {f"{folder}/{name}": c for folder in "ab" for name, c in entries.items()}
    with pytest.raises(UsageError, match=r"2 runs in it, first a/manifest\.json and b/"):
        read_archive(zipped(tmp_path / "x.zip", two))
    path = zipped(tmp_path / "y.zip", entries)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as file:
        file.writestr(RESULTS, b"")
    with pytest.raises(UsageError, match=r"results\.jsonl stands in it twice"):
        read_archive(path)


def test_a_zip_without_a_run_is_not_comparable(tmp_path):
    with pytest.raises(NotComparable, match=r"no manifest\.json in it"):
        read_archive(zipped(tmp_path / "x.zip", {"a": b""}))
