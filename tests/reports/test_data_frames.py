"""Runs as data frames, through the public name."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pandas as pd
import pytest

import convgauge
from reports import csv_table
from suite.errors import UsageError
from suite.results.folder import PROFILES, ResultWriter, Run, write_manifest
from tests.reports.synthetic import small_run
from tests.reports.synthetic_profiles import profiled_run


def written(run: Run, folder: Path, started_at: str = "2026-11-01T10:00:00+01:00") -> Path:
    folder.mkdir(parents=True)
    write_manifest(folder, {**run.manifest, "started_at": started_at})
    results, profiles = ResultWriter(folder), ResultWriter(folder, PROFILES)
    for result in run.results:
        results.add(result)
    for profile in run.profiles.values():
        profiles.add(profile)
    results.close()
    profiles.close()
    return folder


@pytest.mark.parametrize("made", [small_run, profiled_run])
def test_a_frame_says_what_results_csv_says(made, tmp_path):
    run = made()
    frame = convgauge.read_run(written(run, tmp_path / "run"))

    table = pd.read_csv(io.StringIO(csv_table.render(run)), dtype=str, keep_default_na=False)
    assert list(frame.columns) == list(table.columns)
    assert len(frame) == len(table) == len(run.results)
    for name in frame.columns:
        for got, text in zip(frame[name], table[name], strict=True):
            if text == "":
                assert pd.isna(got), name
            elif frame[name].dtype == "float64":
                assert got == pytest.approx(float(text), rel=1e-8), name
            else:
                assert csv_table.field(got.item() if hasattr(got, "item") else got) == text, name


def test_every_column_has_the_type_of_its_values(tmp_path):
    frame = convgauge.read_run(written(profiled_run(), tmp_path / "run"))

    assert frame["status"].dtype == frame["algorithm"].dtype == "string"
    assert frame["kernel_h"].dtype == frame["peak_bytes"].dtype == "Int64"
    assert frame["bias"].dtype == frame["deterministic"].dtype == "boolean"
    assert frame["median_s"].dtype == frame["operators"].dtype == "float64"
    assert frame["joules_per_call"].isna().all()
    passed = frame[frame["status"] == "passed"]
    assert passed["median_s"].notna().all()
    assert frame.loc[frame["status"] != "passed", "median_s"].isna().all()


def test_runs_of_a_folder_are_named_and_in_the_order_of_their_starts(tmp_path):
    run = small_run()
    late = written(run, tmp_path / "results" / "a", "2026-11-02T01:30:00+02:00")
    early = written(run, tmp_path / "results" / "b", "2026-11-01T23:00:00+00:00")
    empty = dataclasses.replace(run, results=())
    written(empty, tmp_path / "results" / "c")

    frame = convgauge.read_runs(tmp_path / "results")

    assert list(frame["run"].unique()) == [str(early), str(late)]
    assert len(frame) == 2 * len(run.results)
    assert list(frame.columns[:3]) == ["run", "started_at", "scenario"]
    assert frame["started_at"].iloc[-1] == pd.Timestamp("2026-11-01T23:30:00Z")
    assert convgauge.read_runs(late, early, tmp_path / "results").equals(frame)


@pytest.mark.parametrize("read", [convgauge.read_run, convgauge.read_runs])
def test_a_folder_that_is_no_runs_is_told(read, tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        read(tmp_path / "gone")
    (tmp_path / "results.csv").touch()
    with pytest.raises(UsageError, match=r"no manifest\.json in it"):
        read(tmp_path)
    unfinished = written(dataclasses.replace(small_run(), results=()), tmp_path / "of" / "run")
    with pytest.raises(UsageError, match="no finished cell"):
        read(unfinished)
    with pytest.raises(UsageError):
        convgauge.read_runs(unfinished.parent)
