"""What others wrote steers neither a terminal nor a log, wherever it is shown."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import io
import re
from xml.etree import ElementTree as ET

import pytest
from rich.table import Table
from rich.text import Text

from commands._saying import guarded, say, say_error
from reports import compare_text, flame_graph, junit, markdown, page, run_summary, terminal
from reports.compare import compare_runs
from reports.gate import junit as gate_junit
from reports.gate import page as gate_page
from reports.gate import text as gate_text
from reports.history import files as history_files
from reports.history import text as history_text
from reports.history.cell_history import history
from reports.plots import _with_plain_names
from suite.gate.facts import Facts
from suite.gate.outcome import GateCell, GateOutcome
from suite.measuring.run import RunProgress
from suite.printable import printable
from suite.results.cell import Status
from suite.results.folder import Run
from suite.results.timed import TimedRun
from tests.conftest import ROOT
from tests.reports.synthetic import small_run
from tests.reports.synthetic_profiles import profile_of, profiled_run
from tests.studies.strangers.answers import COMMAND, STEERS

EVIL = (
    "\x1b[2J\x1b]0;t\x07\u202ea\n::error::planted\r##[error]b\x9b1mc\u2028d\x85e\x00| `x` <b> @all"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fft × 3×3 µs → ß 日本 😀 a b", "fft × 3×3 µs → ß 日本 😀 a b"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x9b31m\x7f\x00", r"\x9b31m\x7f\x00"),
        ("user\u202enimda\u2066", r"user\u202enimda\u2066"),
        ("a\u2028b\u200b\ufeff", r"a\u2028b\u200b\ufeff"),
        ("\ud800", r"\ud800"),
        ("::error::x", r"\x3a:error::x"),
        ("  ::set-output name=a::b", r"  \x3a:set-output name=a::b"),
        ("at::native::conv2d", "at::native::conv2d"),
        ("x ##[error]y", r"x #\x23[error]y"),
        ("##vso[task.setvariable]", r"#\x23vso[task.setvariable]"),
        ("## heading #1", "## heading #1"),
    ],
)
def test_a_text_is_one_line_that_shows_everything_and_does_nothing(text, shown):
    assert printable(text) == shown


def harmless(text: str, *, lines: bool = True) -> None:
    assert not STEERS.search(text), STEERS.search(text)
    if lines:
        assert not COMMAND.search(text)
        assert re.search(r"\\x1b\\?\[2J", text)


def evil_run() -> Run:
    """A run in which every text that a stranger chooses is one that steers."""
    run = small_run()
    results = tuple(
        dataclasses.replace(
            result,
            implementation=EVIL + result.implementation,
            family=EVIL,
            reference=EVIL + "torch",
            reason=result.reason and EVIL,
            notes=(EVIL,),
            precision=EVIL,
            scenario=dataclasses.replace(
                result.scenario, id=EVIL + result.scenario.id, source=EVIL
            ),
        )
        for result in run.results
    )
    texts = dict.fromkeys(("name", "git_revision", "convgauge_version"), EVIL)
    machine = {**run.manifest["machine"], **dict.fromkeys(("cpu", "hostname", "torch", "os"), EVIL)}
    manifest = {**run.manifest, **texts, "machine": machine, "command": [EVIL], "scenarios": []}
    manifest["verdict"] = {"state": EVIL, "text": EVIL}
    manifest["plugins"] = [dict.fromkeys(("name", "repository", "path", "git_revision"), EVIL)]
    return Run(run.folder / EVIL, manifest, results)


def evil_outcome() -> GateOutcome:
    facts = Facts(status=Status.PASSED)
    broken = Facts(status=Status.CRASHED, reason=EVIL)
    cell = GateCell(scenario=EVIL, implementation=EVIL, base=facts, head=broken, reproduce=EVIL)
    return GateOutcome(
        base=EVIL,
        head=EVIL,
        cells=(cell, dataclasses.replace(cell, base=broken)),
        margin=0.05,
        missing=(EVIL,),
        new=(EVIL,),
        renamed=((EVIL, EVIL),),
        notes=(EVIL,),
        timing_advisory=EVIL,
        null_shifts={EVIL: 0.1},
    )


def said(*texts: object) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        say(*texts)
    return out.getvalue()


def test_compare_history_and_gate_say_one_line_for_each_of_theirs():
    comparison = compare_runs(small_run(), evil_run())
    for lines in (
        compare_text.lines(comparison),
        history_text.lines(history([TimedRun.of(small_run()), TimedRun.of(evil_run())])),
        gate_text.lines(evil_outcome()),
    ):
        text = said(*lines)
        harmless(text)
        assert text.count("\n") == len(lines)


def test_a_runs_progress_and_summary_hold_nothing_that_steers(monkeypatch):
    run, out = evil_run(), io.StringIO()
    for is_terminal in (False, True):
        console = terminal.PlainConsole(file=out, width=160, force_terminal=is_terminal)
        with terminal.RunDisplay(console) as display:
            for number, result in enumerate(run.results):
                display.watch(result, RunProgress(number, len(run.results), 1.0, 2))
        spent = {"inside_share": None}
        run_summary.print_summary(
            console,
            run,
            spent=spent,
            not_measured=[EVIL],
            again=EVIL,
        )
    # What rich itself writes to a terminal moves the cursor and colours.
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", out.getvalue())
    harmless(text, lines=False)
    assert not COMMAND.search(text)
    assert "planted" in text


def test_a_table_and_a_styled_text_keep_what_they_are():
    out = io.StringIO()
    console = terminal.PlainConsole(file=out, width=200)
    table = Table("a", title=EVIL)
    table.add_row(EVIL)
    table.add_row(Text.assemble(("styled" + EVIL, "bold"), EVIL))
    console.print(table)
    console.print("[bold]no markup[/] [/]", ":smile:", EVIL, Text(EVIL))
    text = out.getvalue()
    harmless(text)
    assert "[bold]no markup[/] [/] :smile:" in text


@pytest.mark.parametrize("write", [markdown.render, junit.render, page.render])
def test_a_runs_files_hold_nothing_that_steers_who_reads_them(write):
    text = write(evil_run())
    harmless(re.sub(r"<script.*?</script>|<style.*?</style>", "", text, flags=re.DOTALL)[:60_000])
    if write is junit.render:
        ET.fromstring(text)


def test_a_gates_and_a_comparisons_files_hold_nothing_that_steers_who_reads_them():
    comparison = compare_runs(small_run(), evil_run())
    past = history([TimedRun.of(small_run()), TimedRun.of(evil_run())])
    for text in (
        gate_text.markdown(evil_outcome()),
        gate_junit.render(evil_outcome()),
        gate_page.render(evil_outcome()),
        compare_text.markdown(comparison),
        history_files.markdown(past),
    ):
        harmless(text, lines=False)
        assert "<b>" not in text
    for text in (gate_text.markdown(evil_outcome()), history_files.markdown(past)):
        assert "@all" not in text
        assert not re.search(r"(?<!\\)\| ?`x`", text)


def test_pictures_are_well_formed_whatever_the_names_are():
    profiled = profiled_run()
    result = next(r for r in profiled.results if r.key in profiled.profiles)
    profile = dataclasses.replace(profile_of(result), scenario=EVIL, implementation=EVIL)
    ET.fromstring(flame_graph.render(profile))
    shown = _with_plain_names(evil_run())
    assert all(result.scenario.id.isprintable() for result in shown.results)
    assert shown.manifest["machine"]["cpu"].isprintable() or "\n" in EVIL


def test_a_message_of_several_lines_stays_so_and_none_is_a_command(capsys):
    say_error(f"x.yaml:1: first\n::error::second\n  {EVIL}")
    text = capsys.readouterr().err
    assert text.startswith("x.yaml:1: first\n" + r"\x3a:error::second")
    assert not COMMAND.search(text)
    assert not STEERS.search(text)


def test_whatever_prints_while_a_command_runs_is_held_to_the_same(capsys):
    with guarded():
        print("a\n::error::x", "\x1b[2J")
        print("  ", end="")
        print("::warning::y")
        print("mid", end="")
        print("::line")
    text = capsys.readouterr().out
    assert not COMMAND.search(text)
    assert not STEERS.search(text)
    assert "mid::line" in text


def test_nobody_prints_past_the_one_place():
    """Every command speaks through `say` or a console of `reports.terminal`."""
    allowed = {"commands/_saying.py", "reports/terminal.py"}
    for path in [*(ROOT / "commands").rglob("*.py"), *(ROOT / "reports").rglob("*.py")]:
        place = path.relative_to(ROOT).as_posix()
        calls = [
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        ]
        past = {"print", "Console", "sys.stdout.write", "sys.stderr.write"} & set(calls)
        assert not past or place in allowed, f"{place}: {past}"
