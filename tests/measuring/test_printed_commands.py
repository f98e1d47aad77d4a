"""Commands that a run prints ask for all of it again, and finish what was begun."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from suite.measuring import run as measuring_run
from suite.program import PROGRAM
from suite.results.cell import CellResult
from suite.results.folder import (
    RESULTS,
    ResultWriter,
    read_manifest,
    read_results,
)
from suite.results.request import RunRequest, read_request
from tests.conftest import FAULTY, ROOT, TINY
from tests.started_runs import start, wait_for_first_cells


def do(line: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run a printed command as a shell would, from the folder that it was printed in."""
    program, script, *words = shlex.split(line)
    assert (program, Path(script).name) == ("python", "run_bench.py")
    return subprocess.run(
        [sys.executable, str(ROOT / "run_bench.py"), *words, *more],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_commands_that_a_run_prints_ask_for_all_of_it_again(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    words = (
        f"run tiny.yaml --impl slow --impl unfold --plugin {FAULTY / 'slow.py'} --device auto "
        "--threads 1 --timeout 50 --memory-limit 3 --blocks 2 --reference unfold --energy"
    )
    process = start([*words.split(), "--out", "r"], tmp_path)
    wait_for_first_cells(tmp_path / "r" / RESULTS, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    asked = read_request(read_manifest(tmp_path / "r"))
    assert isinstance(asked, RunRequest)

    _, _, line = out.partition("interrupted; finish it with: ")
    done = do(line.strip(), tmp_path)

    assert done.returncode == 0, done.stderr
    assert read_request(read_manifest(tmp_path / "r")) == asked
    assert len(read_results(tmp_path / "r")) == 4

    again = page_command(tmp_path / "r", "tiny/b", "slow")
    done = do(again, tmp_path, "--out", "again")

    assert done.returncode == 0, done.stderr
    one_cell = replace(asked, scenarios=("tiny/b",), implementations=("slow",))
    assert read_request(read_manifest(tmp_path / "again")) == one_cell
    keys = {result.key for result in read_results(tmp_path / "again")}
    assert keys == {"tiny/b × slow", "tiny/b × unfold"}


def test_a_full_disk_ends_a_run_with_the_command_that_finishes_it(command, tiny, tmp_path):
    class Full(ResultWriter):
        def add(self, result: CellResult) -> None:
            with pytest.MonkeyPatch.context() as patch:
                if self._file.tell():
                    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    patch.setattr(os, "fsync", Mock(side_effect=full))
                super().add(result)

    words = ("run", tiny, "--impl", "unfold", "--threads", "1", "--blocks", "2", "--out", "r")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring_run, "ResultWriter", Full)
        said = command(*words)

    assert said.code == 2
    lost, _, line = said.err.strip().partition("; free space, then: ")
    assert os.strerror(errno.ENOSPC) in lost
    assert len(read_results(tmp_path / "r")) == 1

    said = command(*shlex.split(line)[len(PROGRAM) :])

    assert said.code == 0, said.err
    assert len(read_results(tmp_path / "r")) == 4


def page_command(folder: Path, scenario: str, implementation: str) -> str:
    """Return what report.html shows for a cell; its script fills the two names in."""
    text = (folder / "report.html").read_text(encoding="utf-8")
    start_of = '<script type="application/json" id="data">'
    data = json.loads(text.partition(start_of)[2].partition("</script>")[0])
    own = {
        data["placeholders"]["scenario"]: scenario,
        data["placeholders"]["implementation"]: implementation,
    }
    words = data["again"]["unfold"][scenario.partition("/")[0]]
    return shlex.join(own.get(word, word) for word in words)
