"""junit.xml of a gate: a test case a cell; what cannot be told is skipped."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from reports.gate.text import line, numbers
from reports.junit import document, xml_text
from suite.gate.outcome import GateCell, GateOutcome


def render(outcome: GateOutcome) -> str:
    """Return a test suite per scenario, and one of what is missing."""
    root = ET.Element("testsuites", name=xml_text(f"gate {outcome.base} → {outcome.head}"))
    groups: dict[str, list[GateCell]] = {}
    for cell in outcome.cells:
        groups.setdefault(cell.scenario, []).append(cell)
    for scenario, cells in groups.items():
        kinds = [_kind(cell) for cell in cells]
        suite = ET.SubElement(root, "testsuite", _counts(scenario, kinds))
        for cell, kind in zip(cells, kinds, strict=True):
            _add(suite, cell, kind)
    if outcome.missing:
        kind = "skipped" if outcome.missing_accepted else "error"
        suite = ET.SubElement(root, "testsuite", _counts("missing", [kind] * len(outcome.missing)))
        for name in outcome.missing:
            case = ET.SubElement(
                suite, "testcase", classname="missing", name=xml_text(name), time="0"
            )
            ET.SubElement(case, kind, type="missing", message="only in the base")
    return document(root)


def _kind(cell: GateCell) -> str:
    if cell.fails:
        return "failure"
    return "skipped" if cell.cannot_tell or not cell.is_judged else ""


def _counts(name: str, kinds: list[str]) -> dict[str, str]:
    return {
        "name": xml_text(name),
        "tests": str(len(kinds)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
    }


def _add(suite: ET.Element, cell: GateCell, kind: str) -> None:
    head_s = cell.time.head_s if cell.time else None
    case = ET.SubElement(
        suite,
        "testcase",
        classname=xml_text(cell.scenario),
        name=xml_text(cell.implementation),
        time=f"{head_s or 0:.9f}",
    )
    if kind:
        ET.SubElement(case, kind, type=cell.verdict, message=xml_text(line(cell)))
    elif text := numbers(cell):
        ET.SubElement(case, "system-out").text = xml_text(text)
