"""junit.xml: one test case a cell, so that CI systems list what failed and why.

Wrong or implausible results are failures, accidents (crash, time-out, memory) are errors, and
what an implementation does not cover is skipped.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from reports.matrix import Matrix, MatrixCell
from suite.printable import printable_lines
from suite.results.cell import Status
from suite.results.folder import Run
from suite.results.inside import write_whole

FILE = "junit.xml"
_OUTCOME = {
    Status.INCORRECT: "failure",
    Status.IMPLAUSIBLE: "failure",
    Status.UNSUPPORTED: "skipped",
    Status.ERROR: "error",
    Status.TIMEOUT: "error",
    Status.OUT_OF_MEMORY: "error",
    Status.CRASHED: "error",
    Status.LOST: "error",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


def write(run: Run, out: Path) -> Path:
    """Write junit.xml into the folder `out`."""
    write_whole(out / FILE, render(run))
    return out / FILE


def render(run: Run) -> str:
    """Return a test suite per scenario, a test case per implementation."""
    matrix = Matrix.of(run)
    root = ET.Element("testsuites", name=xml_text(run.manifest.get("name") or "convgauge"))
    for scenario in matrix.scenarios:
        cells = matrix.row(scenario)
        outcomes = [_OUTCOME.get(cell.result.status) for cell in cells]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=xml_text(scenario.id),
            tests=str(len(cells)),
            failures=str(outcomes.count("failure")),
            errors=str(outcomes.count("error")),
            skipped=str(outcomes.count("skipped")),
        )
        for cell in cells:
            _add_case(suite, cell)
    return document(root)


def document(root: ET.Element) -> str:
    """Return the whole file, indented."""
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_case(suite: ET.Element, cell: MatrixCell) -> None:
    result = cell.result
    case = ET.SubElement(
        suite,
        "testcase",
        classname=xml_text(result.scenario.id),
        name=xml_text(result.implementation),
        time=f"{cell.time_s or 0:.9f}",  # the schema wants a number; without one nothing ran
    )
    if outcome := _OUTCOME.get(result.status):
        reason = xml_text(result.reason or result.status.value)
        ET.SubElement(case, outcome, type=result.status.value, message=reason)
    elif cell.summary:
        output = ET.SubElement(case, "system-out")
        output.text = xml_text(f"{cell.time_words}, {cell.speedup_words}")


def xml_text(text: str) -> str:
    """Return the text with what XML cannot hold, and what steers a terminal, spelled out."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", printable_lines(text))
