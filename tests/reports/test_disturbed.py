"""What every reader is told of cells that were timed while others took the cores."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

import reports
from reports import bencher, csv_table, junit, markdown, pytest_benchmark, run_summary, terminal
from reports.compare import compare_runs
from reports.headline import headline
from reports.history.cell_history import history
from reports.matrix import Matrix
from reports.networks import networks
from reports.page.data import page_data
from suite.measuring.run import RunProgress
from suite.results.cell import Block, CellResult, Status
from suite.results.contention import Contention, Probe
from suite.results.folder import Run
from suite.results.timed import TimedRun
from tests.reports.synthetic import small_run

SEEN = Contention(
    others_share=0.934,
    waited_share=0.71,
    probe=Probe(one_thread_s=1e-4, all_threads_s=9e-3),
    disturbed=True,
)
DISTURBED = "pointwise_64"
"""The scenario all of whose blocks are marked."""


def marked(block: Block) -> Block:
    return dataclasses.replace(block, contention=SEEN)


def disturbed(result: CellResult) -> CellResult:
    return dataclasses.replace(result, blocks=tuple(map(marked, result.blocks)))


def disturbed_run(scenario: str = DISTURBED) -> Run:
    run = small_run()
    results = tuple(
        disturbed(result) if result.scenario.id == scenario else result for result in run.results
    )
    return dataclasses.replace(run, results=results)


def cut(run: Run, blocks: int) -> Run:
    """Return a run whose cells have no more than so many blocks."""
    results = tuple(dataclasses.replace(r, blocks=r.blocks[:blocks]) for r in run.results)
    return dataclasses.replace(run, results=results)


def printed(run: Run) -> str:
    """Return what the terminal shows of a run: a line for each cell, and the summary."""
    file = io.StringIO()
    console = Console(file=file, width=200)
    with terminal.RunDisplay(console) as display:
        for done, result in enumerate(run.results, start=1):
            display.watch(result, RunProgress(done, len(run.results), 0.0, 2))
    spent = {"inside_share": None}
    run_summary.print_summary(console, run, spent=spent, not_measured=(), again="")
    return file.getvalue()


def test_the_terminal_marks_status_and_speedup_and_says_how_to_get_a_clean_one():
    text = printed(disturbed_run())
    lines = [line for line in text.splitlines() if f"{DISTURBED} × " in line and "passed" in line]

    assert lines
    for line in lines[:-1]:
        assert ": passed, disturbed  " in line
        assert re.search(r"× [^×]*disturbed", line)
    assert f"{DISTURBED}" in text
    assert "undecided: torch, " in text
    assert "others took up to 0.93 of a core in every block of pointwise_64 × torch" in text
    for remedy in ("--threads 1", "wait until the machine is free", "taskset"):
        assert remedy in text


def test_an_undisturbed_run_says_nothing_of_others():
    text = printed(small_run())

    assert "disturbed" not in text
    assert "taskset" not in text


@pytest.mark.parametrize(("blocks", "words"), [(1, "1 block: no interval"), (2, "2 blocks: no")])
def test_few_blocks_show_no_interval_and_no_winner_in_the_terminal(blocks, words):
    text = printed(cut(small_run(), blocks))

    assert f"({words}" in text
    assert not re.search(r"± ?[\d.]+ %", text)
    assert "×÷" not in text
    winners = text.partition("Fastest that passed")[2]
    assert f"undecided: {words}" in winners


def test_a_table_of_winners_names_nobody_whose_lead_is_chance():
    """Whoever leads is no winner as long as a rival's interval reaches it."""
    run = small_run()
    (torch,) = (r for r in run.results if (r.scenario.id, r.implementation) == (DISTURBED, "torch"))
    wild = [
        dataclasses.replace(b, samples_s=(b.samples_s[0] * factor,), reference_s=b.samples_s[0])
        for b, factor in zip(torch.blocks, (0.2, 4.0) * 4, strict=True)
    ]
    rival = dataclasses.replace(torch, implementation="wild", blocks=tuple(wild))
    pair = dataclasses.replace(run, results=(torch, rival))

    assert "undecided: wild and torch are level" in printed(pair)
    assert "**" not in markdown.render(pair).partition("### Speed-up")[2].partition("###")[0]
    assert headline(Matrix.of(pair), {}).overall.sentence == (
        "Who is fastest is undecided in 1 of 1 scenarios"
    )


def test_the_table_has_a_column_for_the_mark_and_the_share():
    rows = list(csv.DictReader(io.StringIO(csv_table.render(disturbed_run()))))
    passed = [row for row in rows if row["status"] == "passed"]

    for row in passed:
        is_marked = row["scenario"] == DISTURBED
        assert row["disturbed"] == ("true" if is_marked else "false")
        assert row["others_share"] == ("0.934" if is_marked else "")
    assert {row["disturbed"] for row in rows if row["status"] != "passed"} == {""}


def test_comments_and_test_reports_mark_every_speedup():
    run = disturbed_run()
    text = markdown.render(run)

    (row,) = (
        line
        for line in text.partition("### Speed-up")[2].partition("###")[0].splitlines()
        if line.startswith("| pointwise")
    )
    shown = [cell for cell in row.split("|")[2:] if "×" in cell]
    assert shown
    assert all(cell.strip().endswith("disturbed") for cell in shown)
    assert "**" not in row
    assert "others took up to 0.93 of a core" in text
    assert junit.render(run).count(" disturbed</system-out>") == len(shown)


def test_the_page_has_the_mark_the_winner_and_why_there_is_none():
    run = disturbed_run()
    document = page_data(run, Matrix.of(run))
    scenarios = {entry["id"]: entry for entry in document["scenarios"]}
    places = dict(enumerate(entry["name"] for entry in document["implementations"]))

    assert scenarios[DISTURBED]["winner"] is None
    assert scenarios[DISTURBED]["undecided"].startswith("undecided: torch")
    assert places[scenarios["large_kernel_31"]["winner"]] == "fft"
    assert scenarios["large_kernel_31"]["undecided"] == ""
    is_marked = [
        bool(document["cells"]["disturbed"][at])
        for at, place in enumerate(document["cells"]["scenario"])
        if document["scenarios"][place]["id"] == DISTURBED
    ]
    passed = [r for r in run.results if r.scenario.id == DISTURBED and r.status is Status.PASSED]
    assert sum(is_marked) == sum(document["cells"]["disturbed"]) == len(passed)


def test_every_format_takes_disturbed_cells_and_few_blocks(tmp_path: Path):
    run = disturbed_run()
    few = dataclasses.replace(
        run, results=tuple(r for r in run.results if r.scenario.id == DISTURBED)
    )
    for name in reports.FORMATS:
        assert reports.write(name, few, tmp_path / "a").exists()
        assert reports.write(name, cut(few, 2), tmp_path / "b").exists()


def test_tools_that_take_every_number_for_the_codes_own_get_none():
    names = bencher.metrics(disturbed_run())

    assert names
    assert not any(name.startswith(DISTURBED) for name in names)
    rounds = pytest_benchmark.document(disturbed_run())["benchmarks"]
    assert {entry["group"] for entry in rounds if entry["extra_info"]["disturbed"]} == {DISTURBED}


def test_a_comparison_forms_no_ratio_with_a_disturbed_cell():
    comparison = compare_runs(small_run(), disturbed_run())
    changes = [change for change in comparison.cells if change.scenario == DISTURBED]

    assert any(change.note == "disturbed in the head run" for change in changes)
    assert all(change.ratio is None for change in changes)
    assert comparison.compared > 0


def test_a_history_leaves_disturbed_cells_out_and_says_so():
    runs = [
        dataclasses.replace(small_run(Path(f"r{number}")), folder=Path(f"r{number}"))
        for number in range(2)
    ]
    past = history([TimedRun.of(run) for run in (*runs, disturbed_run())])

    assert (f"{DISTURBED} × torch", "disturbed") in {
        (left.cell, left.why) for left in past.left_out
    }
    points = {series.cell: len(series.points) for series in past.series}
    assert points[f"{DISTURBED} × torch"] == 2
    assert points["vgg_conv3_1 × torch"] == 3


def test_a_networks_total_tells_how_many_of_its_layers_were_disturbed():
    (network,) = networks(Matrix.of(disturbed_run()))
    totals = {total.name: total.disturbed_layers for total in network.totals}

    assert totals["torch"] == 1
    assert network.undecided_layers >= 1


def test_the_first_screen_points_at_disturbed_cells_first():
    run = disturbed_run()
    doubts = [d for d in headline(Matrix.of(run), run.manifest).doubts if "disturbed" in d]

    assert len(doubts) == 1
    assert "--threads 1" in doubts[0]


def test_the_page_and_its_json_stay_strict(tmp_path: Path):
    reports.write("html", disturbed_run(), tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    document = re.search(r'<script[^>]*id="data"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert document
    json.loads(document[1].replace("\\u003c", "<"))
