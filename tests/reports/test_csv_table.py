"""results.csv: the contract's columns, empty for absent, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

import pytest

import reports
from reports import csv_table
from suite.errors import UsageError
from suite.results.cell import CellResult, Status
from suite.results.folder import Run
from tests.reports.synthetic import small_run

GOLDEN = Path(__file__).parent / "golden" / "results.csv"
CONTRACT = [
    "scenario",
    "implementation",
    "family",
    "device",
    "dtype",
    "memory_format",
    "direction",
    "batch_size",
    "in_channels",
    "height",
    "width",
    "out_channels",
    "kernel_h",
    "kernel_w",
    "stride_h",
    "stride_w",
    "pad_top",
    "pad_bottom",
    "pad_left",
    "pad_right",
    "dilation_h",
    "dilation_w",
    "groups",
    "bias",
    "status",
    "reason",
    "median_s",
    "median_low_s",
    "median_high_s",
    "min_s",
    "blocks",
    "samples",
    "reference",
    "speedup",
    "speedup_low",
    "speedup_high",
    "direct_flops",
    "gflops",
    "roofline_fraction",
    "prepare_s",
    "peak_bytes",
    "rel_l2_error",
    "worst_error_ratio",
]
TIMES = ("median_s", "median_low_s", "median_high_s", "min_s", "blocks", "speedup", "gflops")


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def run_of(*results: CellResult) -> Run:
    return Run(Path("results/x"), {"schema_version": 1}, results)


def test_the_contracts_columns_come_first_and_in_order() -> None:
    assert list(csv_table.COLUMNS[: len(CONTRACT)]) == CONTRACT


def test_the_table_equals_the_golden_file() -> None:
    assert csv_table.render(small_run()) == GOLDEN.read_text(encoding="utf-8")


def test_a_cell_that_did_not_pass_has_no_numbers_only_a_reason() -> None:
    failed = [row for row in read(csv_table.render(small_run())) if row["status"] != "passed"]
    assert {row["status"] for row in failed} == {s.value for s in Status} - {"passed", "lost"}
    for row in failed:
        assert row["reason"]
        assert [row[column] for column in TIMES] == [""] * len(TIMES)


def test_one_block_has_a_time_and_no_interval() -> None:
    passed = small_run().results[0]
    single = dataclasses.replace(passed, blocks=passed.blocks[:1])
    (row,) = read(csv_table.render(run_of(single)))
    assert float(row["median_s"]) > 0
    assert row["median_low_s"] == row["median_high_s"] == row["speedup_low"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_is_a_formula(start: str) -> None:
    evil = f"{start}cmd|' /C calc'!A0"
    failed = next(r for r in small_run().results if r.status is Status.ERROR)
    scenario = dataclasses.replace(failed.scenario, id=evil, source=evil)
    cell = dataclasses.replace(
        failed, scenario=scenario, implementation=evil, family=evil, reason=evil, notes=(evil,)
    )
    text = csv_table.render(run_of(cell))
    (row,) = read(text)
    for column in ("scenario", "implementation", "family", "reason", "source", "notes"):
        assert row[column] == f"'{evil}".replace("\r", " ")


def test_numbers_keep_their_minus() -> None:
    assert csv_table.field(-1.5) == "-1.5"


def test_pandas_reads_the_file_back(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = reports.write("csv", small_run(), tmp_path)
    frame = pandas.read_csv(path)
    assert frame.shape == (56, len(csv_table.COLUMNS))
    assert frame.loc[frame.status == "passed", "median_s"].gt(0).all()
    assert frame.loc[frame.status != "passed", "median_s"].isna().all()


def test_an_unknown_format_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="csv"):
        reports.write("cvs", small_run(), tmp_path)
