"""Formats that other tools read: their readers accept them, and nothing in them is markup."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import reports
from reports import bencher, github_action, junit, markdown, pytest_benchmark
from reports.matrix import Matrix
from suite.results.cell import Residuals, Status
from suite.results.folder import Run
from tests.reports.synthetic import large_run, small_run

EVIL = "<img src=x onerror=alert(1)> | `a` *b* @team"


def hostile_run() -> Run:
    run = small_run()
    results = tuple(
        dataclasses.replace(
            result,
            scenario=dataclasses.replace(result.scenario, id=f"{EVIL} {result.scenario.id}\x00"),
            reason=f"{EVIL}\nsecond line" if result.reason else "",
        )
        for result in run.results
    )
    return Run(run.folder, {**run.manifest, "name": EVIL}, results)


@pytest.mark.parametrize("name", reports.FORMATS)
def test_every_format_writes_what_it_returns(name: str, tmp_path: Path) -> None:
    path = reports.write(name, small_run(), tmp_path)
    assert path.exists()
    assert path.parent == tmp_path


@pytest.mark.parametrize("name", reports.FORMATS)
def test_every_format_takes_a_run_that_knows_little(name: str, tmp_path: Path) -> None:
    run = small_run()
    bare = tuple(
        dataclasses.replace(
            result,
            blocks=tuple(dataclasses.replace(b, reference_s=None) for b in result.blocks[:1]),
            **dict.fromkeys(("residuals", "threads", "ceiling", "peak_bytes", "executed_flops")),
        )
        for result in run.results
    )
    assert reports.write(name, Run(run.folder, {"schema_version": 1}, bare), tmp_path).exists()


@pytest.mark.parametrize("name", reports.FORMATS)
def test_every_format_takes_infinite_errors(name: str, tmp_path: Path) -> None:
    run = small_run()
    infinite = Residuals(rel_l2_error=math.inf, worst_error_ratio=math.nan)
    results = tuple(dataclasses.replace(result, residuals=infinite) for result in run.results)
    assert reports.write(name, dataclasses.replace(run, results=results), tmp_path).exists()


def test_pytest_benchmark_compares_the_file(tmp_path: Path) -> None:
    reports.write("pytest-benchmark", small_run(), tmp_path)
    completed = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest_benchmark",
            "compare",
            f"./{pytest_benchmark.FILE}",
            "--columns=min,max,mean,stddev,median,iqr,outliers,ops,rounds,iterations",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    assert "winograd_4x4[vgg_conv3_1]" in completed.stdout
    assert "Failed to load" not in completed.stdout + completed.stderr


def test_pytest_benchmark_statistics_are_those_of_its_own_code() -> None:
    stats = pytest.importorskip("pytest_benchmark.stats").Stats()
    entry = pytest_benchmark.document(small_run())["benchmarks"][0]["stats"]
    for value in entry["data"]:
        stats.update(value)
    for name in ("min", "max", "mean", "stddev", "median", "q1", "q3", "iqr", "ops", "outliers"):
        assert entry[name] == pytest.approx(getattr(stats, name)), name
    for name in ("ld15iqr", "hd15iqr", "total", "rounds", "iqr_outliers", "stddev_outliers"):
        assert entry[name] == pytest.approx(getattr(stats, name)), name


def test_github_action_benchmark_gets_nanoseconds_of_passed_cells() -> None:
    run = small_run()
    entries = github_action.entries(run)
    assert len(entries) == 34
    cell = Matrix.of(run).cells["pointwise_64", "torch"]
    first = next(entry for entry in entries if entry["name"] == cell.result.key)
    assert first["unit"] == "ns"
    assert first["value"] == pytest.approx((cell.time_s or 0) * 1e9)
    assert first["range"].startswith("±")


def test_bencher_gets_a_value_between_its_ends() -> None:
    for measures in bencher.metrics(small_run()).values():
        latency = measures["latency"]
        assert latency["lower_value"] < latency["value"] < latency["upper_value"]


@pytest.mark.parametrize("name", ["pytest-benchmark", "github-action-benchmark", "bencher"])
def test_json_is_strict_and_holds_no_cell_that_did_not_pass(name: str, tmp_path: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = reports.write(name, small_run(), tmp_path).read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=refuse)
    assert "cudnn" not in text


def test_junit_counts_failures_errors_and_skips_apart() -> None:
    root = ET.fromstring(junit.render(small_run()))
    totals = {
        kind: sum(int(suite.get(kind, "")) for suite in root)
        for kind in ("tests", "failures", "errors", "skipped")
    }
    assert totals == {"tests": 56, "failures": 2, "errors": 4, "skipped": 16}
    wrong = root.find(".//testcase[@name='winograd_4x4']/failure")
    assert wrong is not None
    assert "4.125" in wrong.get("message", "")


def test_junit_holds_names_of_markup_and_of_characters_that_xml_forbids() -> None:
    root = ET.fromstring(junit.render(hostile_run()))
    assert root[0].get("name", "").startswith(EVIL)


def test_markdown_tells_the_winner_first_and_failures_before_times() -> None:
    text = markdown.render(small_run())
    parts = ("torch is fastest", "wrong results", "Failed", "Whole networks", "Speed-up (", "Times")
    positions = [text.index(part) for part in parts]
    assert positions == sorted(positions)


def test_markdown_of_ten_thousand_cells_stays_below_60_kb_and_says_what_it_left_out() -> None:
    text = markdown.render(large_run(10_000, blocks=2, samples=2))
    assert len(text.encode()) < 60_000
    assert "more lines; results.csv has them all" in text
    assert text.startswith("## ConvGauge")


def test_markdown_of_thousands_of_failures_leaves_room_for_what_passed() -> None:
    run = large_run(5000, blocks=2, samples=2)
    failed = tuple(
        result
        if index % 3 == 0
        else dataclasses.replace(
            result, status=Status.ERROR, reason="ValueError: no luck " * 5, blocks=()
        )
        for index, result in enumerate(run.results)
    )
    text = markdown.render(dataclasses.replace(run, results=failed))
    assert len(text.encode()) < 60_000
    parts = ("Failed", "Speed-up (")
    assert 0 < text.index(parts[0]) < text.index(parts[1])


def test_markdown_keeps_names_from_being_markup_or_mentions() -> None:
    text = markdown.render(hostile_run())
    assert "<img" not in text
    assert "@team" not in text
    rows = [line for line in text.splitlines() if line.startswith("|") and "onerror" in line]
    failed = [row for row in rows if "second line" in row]
    assert len(failed) == 6
    assert all(row.count(" | ") == 3 for row in failed)


def test_junit_has_an_outcome_for_every_status() -> None:
    assert set(junit._OUTCOME) == set(Status) - {Status.PASSED}
