"""The page of a GPU's figures, from runs with known times: targets reached, missed, not told."""

from __future__ import annotations

import dataclasses

import pytest

from suite.conditions import Scenario
from suite.problem import Problem
from suite.results.cell import Block, Ceiling, CellResult, Status
from suite.results.folder import ResultWriter, write_manifest
from tests.studies.gpu import targets

CEILING = Ceiling(peak_flops_per_s=1e15, memory_bytes_per_s=4e12, cache_bytes_per_s=9e12)


def cell(kernel: int, implementation: str, time_s: float) -> CellResult:
    problem = Problem.of_call(
        (8, 16, 64, 64), (16, 16, kernel, kernel), padding=(kernel // 2, kernel // 2)
    )
    return CellResult(
        scenario=Scenario(id=f"g/k{kernel}", problem=problem, device="cuda"),
        implementation=implementation,
        family="vendor",
        status=Status.PASSED,
        blocks=(Block(samples_s=(time_s,), calls_per_sample=1, seed="0"),) * 2,
        ceiling=CEILING,
    )


@pytest.fixture
def folders(tmp_path):
    """Write runs from {name: cells}; returns the words for the command line."""

    def write(**runs: list[CellResult]) -> list[str]:
        words = []
        for name, cells in runs.items():
            folder = tmp_path / name
            folder.mkdir()
            host = {"gpu": "NVIDIA H200", "cuda": "13.0", "cudnn": 91400, "torch": "2.13.0"}
            write_manifest(
                folder,
                {
                    "machine": host,
                    "started_at": "2026-11-25T12:00:00",
                    "git_revision": "abc",
                    "command": ["run_bench.py", "run", name],
                    "scenarios": sorted({result.scenario.id for result in cells}),
                },
            )
            writer = ResultWriter(folder)
            for result in cells:
                writer.add(result)
            writer.close()
            words += [f"--{name}", str(folder)]
        return [*words, "--out", str(tmp_path / "h200.md")]

    return write


def runs(triton=90e-6, fft=80e-6, again=100e-6):
    resnet = [
        cell(1, "cudnn", 100e-6),
        cell(1, "triton_igemm", triton),
        cell(3, "cudnn", 100e-6),
        cell(3, "triton_igemm", 120e-6),
    ]
    return {
        "resnet": resnet,
        "again": [cell(1, "cudnn", again), *resnet[1:]],
        "fft": [cell(31, "cudnn", 100e-6), cell(31, "fft", fft), cell(7, "fft", 500e-6)],
    }


def test_reached_targets_are_told_with_what_was_found(folders, tmp_path, capsys):
    assert targets.main(folders(**runs())) == 0

    said = capsys.readouterr().out
    assert "0.83× at least" in said
    assert "above it on 1 of 2" in said
    assert "1.25× (g/k31)" in said
    page = (tmp_path / "h200.md").read_text(encoding="utf-8")
    assert "# Measured on NVIDIA H200" in page
    assert "| g/k1 | 100.0 | 90.0 | not told |" in page


@pytest.mark.parametrize(
    ("changed", "target"),
    [
        ({"triton": 130e-6}, "triton_igemm"),
        ({"fft": 101e-6}, "fft above cuDNN"),
        ({"again": 110e-6}, "medians of two runs"),
        ({"fft": 0.1e-6}, "no cell reads its operands faster"),
    ],
)
def test_a_missed_target_is_named_and_fails(folders, capsys, changed, target):
    assert targets.main(folders(**runs(**changed))) == 1

    missed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("MISSED")]
    assert len(missed) == 1
    assert target in missed[0]


def test_what_a_run_cannot_tell_is_not_called_reached(folders, capsys):
    given = runs()
    given["resnet"] = [r for r in given["resnet"] if r.implementation != "triton_igemm"]
    targets.main(folders(**given))

    assert "not told: triton_igemm" in capsys.readouterr().out


def test_hot_cells_say_nothing_about_the_flush():
    hot = dataclasses.replace(cell(1, "cudnn", 1e-9).scenario, cache="hot")
    result = dataclasses.replace(cell(1, "cudnn", 1e-9), scenario=hot)
    summary = targets.summarise(result)

    assert targets.bandwidth_target({("g/k1", "cudnn"): (result, summary)}).reached is None
