"""The run's folder: what is written is read back, what is damaged is told."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys

import pytest

from suite.errors import UsageError
from suite.results.cell import Block, Ceiling, CellResult, Residuals, Status, WorstElement
from suite.results.folder import (
    MANIFEST,
    RESULTS,
    SCHEMA_VERSION,
    ResultWriter,
    read_manifest,
    read_results,
    read_run,
    write_manifest,
)
from tests.conftest import ROOT


@pytest.fixture
def full(scenario):
    """A result with every field filled, infinities among them."""
    return CellResult(
        scenario=scenario,
        implementation="x",
        family="fft",
        status=Status.PASSED,
        blocks=(Block(samples_s=(1e-3, 2e-3), calls_per_sample=4, seed="ff", reference_s=1e-3),),
        residuals=Residuals(
            rel_l2_error=1e-7,
            worst_error_ratio=math.inf,
            worst=WorstElement(index=(0, 1, 2, 3), got=math.inf, expected=1.0, bound=1e-6),
        ),
        threads=2,
        peak_bytes=100,
        executed_flops=1e9,
        deterministic=True,
        ceiling=Ceiling(peak_flops_per_s=1e11, memory_bytes_per_s=1e10, cache_bytes_per_s=1e11),
        notes=("gradient by autograd",),
    )


def test_a_result_survives_the_round_trip(full, tmp_path):
    writer = ResultWriter(tmp_path)
    writer.add(full)
    writer.close()

    assert read_results(tmp_path) == [full]


def test_a_torn_last_line_is_left_out_and_overwritten(full, tmp_path):
    for _ in range(2):
        writer = ResultWriter(tmp_path)
        writer.add(full)
        writer.close()
        with (tmp_path / RESULTS).open("a") as file:
            file.write('{"scenario": {"id"')
    assert read_results(tmp_path) == [full, full]


def test_a_damaged_line_in_the_middle_is_named(full, tmp_path):
    writer = ResultWriter(tmp_path)
    writer.add(full)
    writer.close()
    path = tmp_path / RESULTS
    path.write_text("{}\n" + path.read_text(encoding="utf-8"))

    with pytest.raises(UsageError, match=r"results\.jsonl:1: damaged record"):
        read_results(tmp_path)


def test_a_manifest_of_another_version_is_refused(tmp_path):
    (tmp_path / MANIFEST).write_text(json.dumps({"schema_version": SCHEMA_VERSION + 1}))

    with pytest.raises(UsageError, match=f"this ConvGauge reads {SCHEMA_VERSION}"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_what_is_no_manifest_is_refused(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)

    with pytest.raises(UsageError, match="not a run's manifest"):
        read_manifest(tmp_path)


def test_an_empty_run_has_nothing_to_report(tmp_path):
    write_manifest(tmp_path, {"scenarios": []})

    with pytest.raises(UsageError, match="no finished cell"):
        read_run([tmp_path])


@pytest.mark.parametrize("at", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "an end asked for"])
def test_a_record_that_an_interruption_meets_on_its_way_to_the_disk_is_the_run_s(
    at, full, tmp_path, monkeypatch
):
    def interrupted(_):
        signal.raise_signal(at)

    before = signal.signal(at, signal.default_int_handler)
    monkeypatch.setattr(os, "fsync", interrupted)
    writer = ResultWriter(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        writer.add(full)
    assert signal.signal(at, before) is signal.default_int_handler

    assert writer.close() is None
    assert [result.key for result in read_results(tmp_path)] == [full.key]


def test_a_full_disk_keeps_what_was_written_and_says_so(full, tmp_path):
    line = len(json.dumps(full.to_dict(), separators=(",", ":")))
    code = f"""
import resource, signal, sys, json
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from suite.results.cell import CellResult
from suite.results.folder import ResultWriter, read_results
from suite.errors import UsageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({int(2.5 * line)}, {int(2.5 * line)}))
cell = CellResult.from_dict(json.loads({json.dumps(full.to_dict())!r}))
writer = ResultWriter(Path({str(tmp_path)!r}))
writer.add(cell); writer.add(cell)
try:
    writer.add(cell)
except UsageError as error:
    print(error)
assert len(read_results(Path({str(tmp_path)!r}))) == 2
assert Path({str(tmp_path / RESULTS)!r}).read_bytes().endswith(b"\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "everything before it is kept" in done.stdout
