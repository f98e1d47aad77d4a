"""`report A B`: one report over several folders, which says first where they are not one run's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from suite.results.folder import ResultWriter, Run, write_manifest
from tests.reports.synthetic import small_run
from tests.unlike_runs import KINDS, told, unlike


def write(run: Run, folder: Path) -> Path:
    folder.mkdir()
    write_manifest(folder, run.manifest)
    writer = ResultWriter(folder)
    for cell in run.results:
        writer.add(cell)
    writer.close()
    return folder


def part(first: int, last: int) -> Run:
    run = told(small_run())
    return dataclasses.replace(run, results=run.results[first:last])


@pytest.mark.parametrize("kind", KINDS)
def test_what_keeps_the_folders_apart_is_said_first_and_in_the_report(kind, command, tmp_path):
    other, text = unlike(part(1, 3), kind)
    one, two = write(part(0, 1), tmp_path / "one"), write(other, tmp_path / "two")

    said = command("report", one, two, "--format", "markdown", "--out", "both")

    assert said.code == 5
    first = said.out.splitlines()[0]
    assert first.startswith(f"not comparable with {one}: {two}: ")
    assert text in first
    written = "".join(path.read_text() for path in (tmp_path / "both").glob("*.md"))
    assert "Not comparable with the rest, for another machine or setting measured it" in written
    assert kind.split("_")[0] in written


def test_shards_of_one_run_are_one_report_without_a_word(command, tmp_path):
    one, two = write(part(0, 1), tmp_path / "one"), write(part(1, 3), tmp_path / "two")

    said = command("report", one, two, "--format", "markdown", "--out", "both")

    assert said.code == 0
    assert "comparable" not in said.out
    assert "omparable" not in "".join(p.read_text() for p in (tmp_path / "both").glob("*.md"))


def test_a_shard_without_a_finished_cell_is_looked_at_too(command, tmp_path):
    empty, _ = unlike(part(0, 0), "torch")
    one, two = write(part(0, 1), tmp_path / "one"), write(empty, tmp_path / "two")

    said = command("report", one, two, "--format", "markdown", "--out", "both")

    assert said.code == 5
    assert "torch 2.13.0+cpu and 2.12.0+cpu" in said.out
    assert "torch 2.13.0+cpu or 2.12.0+cpu" in (tmp_path / "both" / "results.md").read_text()


def test_no_run_of_several_gives_the_others_its_machine_its_revision_or_its_threads(
    command, tmp_path
):
    other = told(part(1, 3), cpu="Graviton 4", torch="2.12.0", noise=0.3, noise_grade="D")
    settings = {**other.manifest["settings"], "threads": 1}
    manifest = {**other.manifest, "git_revision": "ff" * 20, "settings": settings}
    results = tuple(dataclasses.replace(result, threads=1) for result in other.results)
    one = write(part(0, 1), tmp_path / "one")
    two = write(dataclasses.replace(other, manifest=manifest, results=results), tmp_path / "two")

    said = command("report", one, two, "--format", "html", "--format", "markdown", "--out", "both")

    assert said.code == 5
    page = (tmp_path / "both" / "report.html").read_text(encoding="utf-8")
    header = page[page.index("<body>") : page.index("</header>")]
    assert "AMD EPYC 7B13 or Graviton 4" in header
    assert page.index("<strong>not comparable</strong>") < page.index("is fastest in")
    comment = (tmp_path / "both" / "results.md").read_text()
    assert comment.index("**Not comparable:**") < comment.index("is fastest in")
    assert "torch 2.13.0+cpu or 2.12.0" in header
    assert "1 and 2 threads" in header
    assert "revision" not in header
    assert "grade D" in (tmp_path / "both" / "results.md").read_text()


def test_one_cell_that_is_two_problems_in_two_folders_is_not_comparable(command, tmp_path):
    first, *_ = part(0, 1).results
    wider = dataclasses.replace(first.scenario.problem, width=57)
    scenario = dataclasses.replace(first.scenario, problem=wider)
    changed = dataclasses.replace(first, scenario=scenario)
    one = write(part(0, 1), tmp_path / "one")
    two = write(dataclasses.replace(part(0, 1), results=(changed,)), tmp_path / "two")

    said = command("report", one, two, "--format", "markdown", "--out", "both")

    assert said.code == 5
    assert f"{first.key}: another problem or setting" in said.out.splitlines()[0]
