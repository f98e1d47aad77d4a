"""The verdict of a whole run, and how every report shows it."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from reports import gate as report
from reports.gate import junit, page, text
from suite.gate.facts import Check, Facts, Finding
from suite.gate.outcome import GateCell, GateOutcome
from suite.gate.verdict import Stage, TimeVerdict, Verdict
from suite.results.cell import Status

SOUND = Facts(status=Status.PASSED, rel_l2_error=1e-7, operators=("conv2d",), peak_bytes=4096)
WRONG = Facts(status=Status.INCORRECT, reason="element [0] is <b>1</b>, expected 2")


def timed(verdict: Verdict, ratio: float = 1.0, **changes: Any) -> TimeVerdict:
    fields = {
        "verdict": verdict,
        "stage": Stage.CONFIRM,
        "why": "too noisy" if verdict is Verdict.CANNOT_TELL else "",
        "blocks": 12,
        "base_s": 1e-3,
        "head_s": 1e-3 * ratio,
        "ratio": ratio,
        "ratio_low": ratio * 0.98,
        "ratio_high": ratio * 1.02,
        "margin": 0.05,
        "adjusted_p": 0.001,
        "smallest_visible": 0.07,
        "bias": 0.003,
    }
    return TimeVerdict(**{**fields, **changes})


def made(name: str, **fields: Any) -> GateCell:
    usual = {"scenario": "t/a", "implementation": name, "base": SOUND, "head": SOUND}
    return GateCell(**{**usual, "reproduce": f"gate --impl {name}", **fields})


FINE = made("fine", time=timed(Verdict.FINE))
SLOW = made("slow", time=timed(Verdict.REGRESSED, 1.4))
DOUBT = made("doubt", time=timed(Verdict.CANNOT_TELL, 1.06))
FAST = made("fast", time=timed(Verdict.FINE, 0.5, improved=True))
BROKEN = made("broken", head=WRONG, findings=(Finding(check=Check.CORRECTNESS, text=WRONG.reason),))
LARGER = made("larger", time=FINE.time, findings=(Finding(check=Check.MEMORY, text="1 → 2 MiB"),))
BOTH_WRONG = made("both", base=WRONG, head=WRONG)


def outcome(*cells: GateCell, **fields: Any) -> GateOutcome:
    return GateOutcome(**{"base": "main", "head": "tree", "margin": 0.05, "cells": cells, **fields})


@pytest.mark.parametrize(
    ("cells", "fields", "code", "state"),
    [
        ((FINE, FAST), {}, 0, "fine"),
        ((FINE, SLOW, DOUBT), {}, 1, "regressed"),
        ((FINE, LARGER), {}, 1, "worse"),
        ((BROKEN, SLOW), {}, 3, "wrong"),
        ((FINE, DOUBT), {}, 4, "cannot tell"),
        ((), {}, 5, "not comparable"),
        ((BOTH_WRONG,), {}, 5, "not comparable"),
        ((FINE, BOTH_WRONG), {}, 0, "fine"),
        ((FINE,), {"missing": ("gone",)}, 5, "not comparable"),
        ((FINE,), {"missing": ("gone",), "missing_accepted": True}, 0, "fine"),
        ((FINE,), {"new": ("fresh",)}, 0, "fine"),
        ((FINE, DOUBT), {"timing_advisory": "another machine"}, 5, "not comparable"),
        ((FINE,), {"timing_advisory": "another machine", "times_accepted": True}, 0, "fine"),
        ((FINE, LARGER), {"timing_advisory": "another machine"}, 1, "worse"),
    ],
)
def test_the_exit_code_follows_the_worst_that_is_sure(cells, fields, code, state):
    found = outcome(*cells, **fields)
    assert (found.exit_code, found.state) == (code, state)


EVERYTHING = outcome(
    FINE,
    SLOW,
    DOUBT,
    FAST,
    BROKEN,
    LARGER,
    BOTH_WRONG,
    missing=("gone",),
    new=("fresh", "heir"),
    renamed=(("old", "heir"),),
    notes=("the budget ended",),
    null_shifts={"t/a × fine (screen)": -0.004},
    blocks={"screen": 6, "confirm": 12},
)


def test_gate_json_holds_all_that_is_known(tmp_path):
    report.write(EVERYTHING, tmp_path)
    record = json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))
    assert (record["exit_code"], record["sentence"]) == (3, EVERYTHING.sentence)
    assert record["renamed"] == [["old", "heir"]]
    assert (record["missing"], record["new"]) == (["gone"], ["fresh", "heir"])
    assert record["blocks"] == {"screen": 6, "confirm": 12}
    assert record["null_shifts"] == {"t/a × fine (screen)": -0.004}
    verdicts = {cell["implementation"]: cell["verdict"] for cell in record["cells"]}
    assert verdicts == {cell.implementation: cell.verdict for cell in EVERYTHING.cells}
    cells = {cell["implementation"]: cell for cell in record["cells"]}
    assert cells["slow"]["time"]["ratio"] == 1.4
    assert cells["slow"]["time"]["verdict"] == "regressed"
    assert cells["slow"]["reproduce"] == "gate --impl slow"
    assert cells["larger"]["findings"] == [{"check": "memory", "text": "1 → 2 MiB"}]
    assert cells["broken"]["head"]["reason"] == WRONG.reason
    assert cells["broken"]["base"]["operators"] == ["conv2d"]
    assert cells["broken"]["time"] is None


def test_lines_name_everything_that_fails_is_undecided_or_on_one_side():
    said = "\n".join(text.lines(EVERYTHING))
    assert said.startswith("WRONG: 6 cells compared: 1 wrong or broken, 1 slower")
    assert (
        "regressed: t/a × slow: 1.00 ms → 1.40 ms, 1.400× [1.372, 1.428], margin 5.00 %, "
        "adjusted p 0.001, 12 blocks, smallest visible +7.00 %; reproduce: gate --impl slow"
    ) in said
    assert "cannot tell: t/a × doubt" in said
    assert "too noisy" in said
    assert "faster: t/a × fast" in said
    assert "renamed: old → heir" in said
    assert "missing: gone" in said
    assert "new: fresh" in said
    assert "the budget ended" in said
    assert "not compared: t/a × both" in said


def test_markdown_begins_with_the_verdict_and_is_no_markup_by_accident():
    said = text.markdown(EVERYTHING)
    assert said.startswith("## ConvGauge gate: wrong\n")
    assert "<b>" not in said
    assert "gate --impl slow" in said
    assert "The null arm" in said


def test_markdown_fits_into_a_comment_however_many_cells():
    many = outcome(*(made(f"slow{n}", time=SLOW.time) for n in range(3000)))
    assert len(text.markdown(many).encode()) < 65_000


def test_junit_fails_what_fails_and_skips_what_cannot_be_told():
    root = ET.fromstring(junit.render(EVERYTHING).encode())
    kinds = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert kinds["slow"] == kinds["broken"] == kinds["larger"] == ["failure"]
    assert kinds["doubt"] == kinds["both"] == ["skipped"]
    assert kinds["fine"] == kinds["fast"] == ["system-out"]
    assert kinds["gone"] == ["error"]
    suite = root.find("testsuite[@name='t/a']")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("7", "3", "2")


def test_the_page_begins_with_the_verdict_and_escapes_what_it_shows():
    said = page.render(EVERYTHING)
    body = said[said.index("<main>") :]
    assert body.index("<strong>wrong</strong>") < body.index("What fails") < body.index("All cells")
    assert "<b>1</b>" not in said
    assert said.count("<svg") == 5 + 2 + 1 + 1  # every cell with times; those listed twice
    assert "<script" not in said


def test_all_files_are_written(tmp_path):
    names = [path.name for path in report.write(EVERYTHING, tmp_path)]
    assert names == ["gate.html", "gate.md", "junit.xml", "gate.json"]
    assert json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))["verdict"] == "wrong"
