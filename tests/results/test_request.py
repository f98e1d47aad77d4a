"""What was asked: kept, spelled, and read back, old manifests included."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from commands._asking import asked
from commands.arguments import build_parser
from suite.results.folder import MANIFEST, SCHEMA_VERSION, read_manifest, write_manifest
from suite.results.request import (
    PROGRAM,
    AskedFile,
    GateRequest,
    Precision,
    Request,
    RunRequest,
    Shard,
    read_request,
)

OLD = Path(__file__).with_name("manifest_of_version_1.json")
QUICK = AskedFile("quick", str(Path(__file__).parents[2] / "scenarios/quick.yaml"))
OF_THE_CALL = {
    "--help",
    "-h",
    "--out",
    "--resume",
    "--no-wait",
    "--no-exclusive",
    "--split",
    "--verbose",
    "-v",
}
"""Where the measurements go, which is no part of what is measured."""


def here(name: str) -> AskedFile:
    return AskedFile(name, str(Path(name).resolve()))


SHARED = {
    "files": (QUICK,),
    "scenarios": ("quick/3x3 *", "--odd"),
    "implementations": ("winograd*", "it's"),
    "plugins": (here("my own.py"),),
    "device": "cuda:1",
    "threads": 3,
    "timeout_s": 12.5,
    "memory_limit_gib": 1.0,
    "yes": True,
}
OF_MODELS = {
    "model": here("my own.py:build"),
    "inputs": ("1x3x224x224", "1x4"),
    "dtype": "bfloat16",
    "train": True,
    "more_threads": (5, 1),
}
FULL = (
    RunRequest(
        **SHARED,
        **OF_MODELS,
        reference="v1.0",
        precision=Precision(percent=0.5),
        blocks=9,
        energy=True,
        verify=False,
        shard=Shard(2, 3),
        on="local:2",
        each=True,
        budget_s=90.0,
        profile=True,
        instructions=True,
        environments=("torch==2.12.*", "here"),
        optimize_budget_s=5.0,
    ),
    GateRequest(
        **SHARED,
        **OF_MODELS,
        base="v1.0",
        baseline=here("stored"),
        head="main",
        base_env="torch==2.12.*",
        head_env="ONEDNN_MAX_CPU_ISA=AVX2 /a b/python",
        repo=here("there"),
        margin=0.07,
        blocks=12,
        accept=("memory", "missing"),
        budget_s=90.0,
    ),
)


@pytest.fixture(params=FULL, ids=lambda request: request.command)
def full(request):
    """A request in which no field is as usual."""
    return request.param


def test_no_field_of_these_requests_is_as_usual(full):
    for _, field in full.options():
        assert getattr(full, field.name) != field.default, field.name


def test_the_words_ask_for_the_same_again(full):
    words = full.words()

    assert asked(type(full), build_parser(words).parse_args(words)) == full


def test_every_option_of_the_command_has_its_field(full):
    parser = build_parser([full.command])
    parser.parse_args([full.command])
    (commands,) = parser._subparsers._group_actions
    options = {
        word for action in commands.choices[full.command]._actions for word in action.option_strings
    }

    assert options - OF_THE_CALL == {option for option, _ in full.options()}


def test_a_request_survives_the_manifest(full, tmp_path):
    write_manifest(tmp_path, {"request": full.to_dict()})

    assert read_request(read_manifest(tmp_path)) == full


def test_what_is_as_usual_is_not_spelled():
    assert RunRequest(files=(QUICK,)).words() == ["run", "quick"]
    assert RunRequest(threads=2).command_line("--out", "a b") == (
        f"{' '.join(PROGRAM)} run --threads 2 --out 'a b'"
    )


def test_a_manifest_of_another_command_or_of_none_has_no_request():
    assert read_request({}) is None
    assert read_request({"request": {"command": "tune"}}) is None


def test_one_cells_request_matches_no_other_cell_and_leaves_the_rest_out():
    of_files = replace(FULL[0], model=None)
    cell = of_files.of_cell("quick/[1x1]", "winograd_2x2")

    assert cell.scenarios == ("quick/[[]1x1]",)
    assert (cell.shard, cell.budget_s) == (None, None)
    kept = {option for option, _ in Request.options()} - {"--scenario", "--impl"}
    for option, field in FULL[0].options():
        if option in kept:
            assert getattr(cell, field.name) == getattr(FULL[0], field.name)


def test_a_cell_of_a_whole_network_is_asked_for_by_its_row_alone():
    cell = FULL[0].of_cell("my own", "eager")

    assert (cell.model, cell.scenarios, cell.implementations) == (FULL[0].model, (), ("eager",))
    assert cell.thread_counts == (3,)
    assert FULL[0].of_cell("my own-t5", "eager").thread_counts == (5,)


def test_one_cells_request_names_the_row_whatever_environment_it_ran_in():
    request = RunRequest(environments=("A=1", "torch >=2"))
    assert request.of_cell("quick/a", "torch@torch >=2").implementations == ("torch",)
    assert request.of_cell("quick/a", "torch").implementations == ("torch",)


# -- manifests of version 1 ------------------------------------------------------------------------


@pytest.fixture
def old(tmp_path):
    """A folder with the manifest that a run of version 1 wrote, and how to change it."""
    shutil.copy(OLD, tmp_path / MANIFEST)

    def changed(**fields: object) -> dict:
        record = json.loads(OLD.read_text()) | fields
        (tmp_path / MANIFEST).write_text(json.dumps(record))
        return read_manifest(tmp_path)

    return changed


def test_a_manifest_of_version_1_tells_what_was_asked(old):
    manifest = old()

    assert manifest["schema_version"] == SCHEMA_VERSION
    assert read_request(manifest) == RunRequest(
        files=(AskedFile("tiny.yaml", "tiny.yaml"),),
        scenarios=("tiny/[ab]",),
        implementations=("unfold",),
        plugins=(AskedFile("mine.py", "mine.py"),),
        device="cpu",  # asked was "auto", and there was no GPU
        threads=1,  # abbreviated there, as argparse allows
        timeout_s=30.0,
        memory_limit_gib=4.0,
        reference="mec",
        blocks=2,
        verify=False,
        shard=Shard(1, 2),
        budget_s=40.0,
    )
    assert manifest["settings"].keys().isdisjoint({"budget_s", "shard", "plugins"})
    assert manifest["settings"]["memory_limit_bytes"] == 4 * 2**30


def test_a_profile_of_version_1_was_a_run_of_the_scenarios_that_it_names(old):
    words = ["run_bench.py", "profile", "tiny.yaml/a", "--impl", "unfold", "--instructions"]

    request = read_request(old(command=words))

    assert isinstance(request, RunRequest)
    assert request.scenarios == ("tiny/a",)
    assert (request.profile, request.instructions, request.blocks) == (True, True, 2)


def test_a_gate_of_version_1_is_read_as_one(old):
    words = ["run_bench.py", "gate", "--base", "HEAD~1", "--accept=memory", "--margin", "0.1"]

    request = read_request(old(command=words, settings={"threads": 2, "gate": {}}))

    assert isinstance(request, GateRequest)
    assert (request.base, request.accept, request.margin) == ("HEAD~1", ("memory",), 0.1)
    assert request.threads == 2


# -- where one stands ------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a scenario file and a plug-in, in which one stands."""
    folder = tmp_path / "project"
    (folder / "bench").mkdir(parents=True)
    for name in ("mine.yaml", "bench/mine.py"):
        (folder / name).write_text("")
    monkeypatch.chdir(folder)
    return folder


def test_words_name_files_from_the_folder_that_one_stands_in(project, tmp_path, monkeypatch):
    request = RunRequest(
        files=(QUICK, here("mine.yaml")), plugins=(here("bench/mine.py"),), blocks=7
    )
    assert request.words()[1:5] == ["quick", "mine.yaml", "--plugin", "bench/mine.py"]
    monkeypatch.chdir(project / "bench")
    assert request.words()[1:5] == [
        "quick",
        str(project / "mine.yaml"),
        "--plugin",
        "mine.py",
    ]
    monkeypatch.chdir(tmp_path)
    assert request.words()[1:5] == [
        "quick",
        str(Path("project/mine.yaml")),
        "--plugin",
        str(Path("project/bench/mine.py")),
    ]


def test_another_file_of_that_name_is_not_taken_for_the_one_that_was_asked_for(
    project, tmp_path, monkeypatch
):
    plugin = here("bench/mine.py")
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "mine.py").write_text("# another")
    monkeypatch.chdir(tmp_path)
    assert plugin.from_here == str(Path("project/bench/mine.py"))


def test_the_words_of_one_folder_ask_for_the_same_in_another(project, tmp_path, monkeypatch):
    request = RunRequest(files=(here("mine.yaml"),), plugins=(here("bench/mine.py"),))
    monkeypatch.chdir(tmp_path)
    words = request.words()
    again = asked(RunRequest, build_parser(words).parse_args(words))
    assert [file.path for file in (*again.files, *again.plugins)] == [
        str(project / "mine.yaml"),
        str(project / "bench" / "mine.py"),
    ]
