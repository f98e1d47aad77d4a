"""Profiling as a pass of its own after a run: its processes, its files, its command."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from suite.profiling.profiler import slug
from suite.results.folder import PROFILES, read_profiles
from suite.results.profile import CellProfile
from tests.conftest import FAULTY, ROOT, Done

SHORT = ("--threads", "2", "--blocks", "2", "--timeout", "60")


def profiles(folder: Path) -> dict[str, CellProfile]:
    return {profile.key: profile for profile in read_profiles(folder)}


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return {f"{row['scenario']} × {row['implementation']}": row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def done(done_once) -> Done:
    """A run of four cells, one of which is wrong, and one dies while it is listened to."""
    rows = ["--impl", "unfold"]
    for name in ("crashes_when_heard", "wrong"):
        rows += ["--plugin", FAULTY / f"{name}.py", "--impl", name]
    return done_once("profile", "tiny.yaml/a", *rows, *SHORT)


@pytest.fixture(scope="module")
def profiled(done) -> Path:
    return done.folder


def test_a_crash_while_profiled_costs_that_part_of_that_cell_alone(profiled):
    by_cell = profiles(profiled)

    assert len(by_cell) == 3
    dead = by_cell["tiny/a × crashes_when_heard"]
    assert dead.phases is None
    assert dead.operators is None
    assert "SIGSEGV" in dead.missing["phases"]
    assert "SIGSEGV" in dead.missing["operators"]
    assert dead.memory is not None
    assert len(dead.threads) == 2
    for name in ("unfold", "torch"):
        complete = by_cell[f"tiny/a × {name}"]
        assert set(complete.missing) <= {"counters", "instructions"}
        assert complete.phases
        assert complete.operators


def test_what_has_no_marks_gets_the_operator_view(profiled):
    by_cell = profiles(profiled)

    torchs = by_cell["tiny/a × torch"]
    assert torchs.phases.phases_s == {}
    assert any("convolution" in row.name for row in torchs.operators.rows)
    marked = by_cell["tiny/a × unfold"]
    assert set(marked.phases.phases_s) == {"transform", "product", "unpack"}
    assert any(node.name == "phase: product" for node in marked.operators.stacks)
    assert any(node.name.startswith("unfold (im2col.py") for node in marked.operators.stacks)


def test_what_is_not_there_says_why(profiled):
    missing = profiles(profiled)["tiny/a × unfold"].missing
    assert "--instructions" in missing["instructions"]


def test_traces_tables_and_pages_lie_in_the_runs_folder(profiled):
    files = profiles(profiled)["tiny/a × unfold"].files

    trace = json.loads(gzip.decompress((profiled / files["trace.json.gz"]).read_bytes()))
    names = {event.get("name") for event in trace["traceEvents"]}
    assert {"aten::im2col", "phase: product"} <= names
    assert "aten::im2col" in (profiled / files["operators.txt"]).read_text(encoding="utf-8")
    assert "<html" in (profiled / files["python.html"]).read_text(encoding="utf-8")
    flame = (profiled / files["trace.json.gz"]).parent / "flame.svg"
    assert "phase: product" in flame.read_text(encoding="utf-8")


def test_the_csv_has_shares_of_phases_and_what_bounds_a_cell(profiled):
    row = rows(profiled)["tiny/a × unfold"]

    assert float(row["phase_product"]) > 0
    assert row["phase_inverse"] == ""
    assert row["bound_by"] in ("compute", "memory", "overhead")
    assert row["counted_flops"] == row["direct_flops"]
    assert "--instructions" in row["not_profiled"]
    assert rows(profiled)["tiny/a × crashes_when_heard"]["phase_product"] == ""


def test_report_rebuilds_the_section_without_torch(profiled, tmp_path):
    code = (
        "import sys, run_bench\n"
        f"assert run_bench.main(['report', {str(profiled)!r}, '--out', 'again']) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True
    )
    page = (tmp_path / "again" / "report.html").read_text(encoding="utf-8")
    assert 'id="profile-cells"' in page
    assert rows(tmp_path / "again") == rows(profiled)
    assert (tmp_path / "again" / "plots" / "phases.png").exists()
    assert len(list((tmp_path / "again" / "profiles").glob("*/trace.json.gz"))) == 2


def test_a_torn_last_profile_is_left_out_and_another_version_is_refused(
    profiled, tmp_path, command
):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("manifest.json", "results.jsonl", PROFILES):
        (copy / name).write_bytes((profiled / name).read_bytes())
    content = (copy / PROFILES).read_bytes()
    (copy / PROFILES).write_bytes(content[:-20])
    assert len(profiles(copy)) == 2

    record = json.loads(content.splitlines()[0])
    (copy / PROFILES).write_text(json.dumps({**record, "profile_version": 99}) + "\n")
    said = command("report", copy)
    assert said.code == 2
    assert "profile version 99" in said.err
    assert "profiles.jsonl:1" in said.err


@pytest.mark.slow
def test_run_profile_adds_what_a_resumed_run_lacks(command, tiny, tmp_path):
    words = ("run", tiny, "--scenario", "a", "--impl", "unfold", "--out", "r", *SHORT)
    assert command(*words).code == 0
    assert profiles(tmp_path / "r") == {}
    before = (tmp_path / "r" / "results.jsonl").read_bytes()

    said = command(*words, "--profile", "--resume")

    assert said.code == 0
    assert len(profiles(tmp_path / "r")) == 2
    assert (tmp_path / "r" / "results.jsonl").read_bytes() == before
    for word in ("tiny/a × unfold", "transform", "ound by", "parallel efficiency"):
        assert word in said.out


def test_a_cell_that_fails_its_gate_is_not_profiled_and_says_why(done):
    assert done.said.code == 3
    assert "tiny/a × wrong: not profiled: incorrect" in done.said.out
    passed = {f"tiny/a × {name}" for name in ("torch", "unfold", "crashes_when_heard")}
    assert set(profiles(done.folder)) == passed
    assert set(rows(done.folder)) == passed | {"tiny/a × wrong"}


@pytest.mark.parametrize(
    ("words", "hints"),
    [
        (["profile"], ["SCENARIO"]),
        (["profile", "tiny.yaml/c"], ["tiny.yaml", "no scenario of that name", "tiny/a"]),
        (["profile", "vgg19/conv9"], ["no scenario of that name", "vgg19/vgg_19:conv"]),
        (["profile", "vgg91/conv1_1"], ["vgg91", 'Did you mean "vgg19"?']),
        (["profile", "tiny.yaml/a", "--impl", "unfld"], ['Did you mean "unfold"?']),
        (["profile", "tiny.yaml/a", "--device", "cuda"], ["sees no CUDA GPU"]),
        (["run", "tiny.yaml", "--instructions"], ["add --profile"]),
    ],
)
def test_wrong_words_get_one_message_and_exit_code_2(command, tiny, tmp_path, words, hints):
    said = command(*words)

    assert said.code == 2
    assert "Traceback" not in said.out + said.err
    for hint in hints:
        assert hint in said.err
    assert not (tmp_path / "results").exists()


def test_scenarios_are_chosen_by_name_by_glob_and_by_file(tiny):
    from commands.profile import chosen

    assert chosen([f"{tiny}/b"]) == ([str(tiny)], ["tiny/b"])
    assert chosen([f"{tiny}/b", f"{tiny}/a"]) == ([str(tiny)], ["tiny/b", "tiny/a"])
    assert chosen([str(tiny)]) == chosen([f"{tiny}/*"]) == ([str(tiny)], ["tiny/a", "tiny/b"])
    vgg = chosen(["vgg19/*conv1_2"])
    assert vgg[1] == ["vgg19/vgg_19:conv1_2"]
    assert vgg == chosen(["vgg19/vgg_19:conv1_2"])


def test_cells_of_like_names_get_folders_of_their_own():
    assert slug("a/b × c") != slug("a-b × c")
    assert "/" not in slug("a/b × ../c")


def test_a_profile_is_read_back_as_it_was_written(profiled):
    for profile in read_profiles(profiled):
        assert CellProfile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile
