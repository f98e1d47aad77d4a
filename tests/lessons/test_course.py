"""The lessons as a whole: pages, tables and exercises that belong together."""

from __future__ import annotations

import ast
import re

import pytest

from reports import lesson_table
from suite.errors import UsageError
from suite.lessons import table
from suite.lessons.child.claims import DRIVERS, MARKS
from suite.lessons.course import LESSONS, lesson_named
from suite.lessons.shapes import SHAPES
from suite.lessons.starting import holes
from suite.results.cell import Status
from suite.scenario import load_files
from tests.lessons.solutions import EDITS
from tests.lessons.terms import LEARN, terms_of, unlinked

NAMES = [lesson.name for lesson in LESSONS]
PAGES = {lesson.name: LEARN / f"{at:02}-{lesson.name}.md" for at, lesson in enumerate(LESSONS, 1)}


@pytest.fixture(scope="module")
def scenarios():
    (file,) = load_files(["lessons"])
    return {scenario.id.removeprefix("lessons/"): scenario for scenario in file.scenarios}


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_has_a_page_with_its_title_and_its_commands(name):
    page = PAGES[name].read_text(encoding="utf-8")
    lesson = lesson_named(name)
    assert f"# {lesson.title}" in page
    for command in (name, f"{name} --start", f"{name} --check {name}_1.py"):
        assert f"convgauge lesson {command}\n" in page
    assert f'table("{name}")' in page
    assert "## Exercises" in page


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_shows_real_code_or_says_which_row_it_is_about(name):
    page = PAGES[name].read_text(encoding="utf-8")
    included = re.findall(r"\{literalinclude\} (\S+)\n:pyobject: (\w+)", page)
    for path, name_in_it in included:
        tree = ast.parse((LEARN / path).read_text(encoding="utf-8"))
        assert name_in_it in {getattr(node, "name", None) for node in tree.body}
    assert included or name in ("error", "timing", "roofline", "libraries")


@pytest.mark.parametrize("name", NAMES)
def test_terms_are_linked_to_the_glossary_where_a_lesson_first_uses_them(name):
    terms = terms_of((LEARN / "glossary.md").read_text(encoding="utf-8"))
    page = PAGES[name].read_text(encoding="utf-8")
    assert [(term, page[at : at + 40]) for term, at in unlinked(page, terms)] == []


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("A stride of 2.", ["stride"]),
        ("Strides of 2, then a {term}`stride`.", ["stride"]),
        ("A {term}`stride` of 2, then strides.", []),
        ("{term}`Strides <stride>` of 2.", []),
        ("`stride` and $stride$, and\n\n```python\nstride = 2\n```\n\n| stride |\n", []),
        ("# Stride\n\nThe overlap is astride.", []),
        ("A register\nblocking is no register.", ["register", "register blocking"]),
        ("{term}`register blocking` needs no register.", ["register"]),
    ],
)
def test_an_unlinked_term_is_found(page, found):
    terms = ["stride", "register", "register blocking"]
    assert sorted(term for term, _ in unlinked(page, terms)) == found


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_about_scenarios_that_there_are(name, scenarios):
    lesson = lesson_named(name)
    assert {cell.scenario for cell in lesson.cells} <= scenarios.keys()
    assert set(lesson.columns) <= lesson_table.COLUMNS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_table_has_every_row_and_says_where_it_is_from(name):
    lesson, recorded = lesson_named(name), table.read_recorded(name)
    assert recorded is not None
    rows = [(row.scenario, row.implementation) for row in recorded.rows]
    assert rows == [(cell.scenario, cell.row) for cell in lesson.cells]
    assert all(row.status is Status.PASSED for row in recorded.rows)
    assert recorded.command == f"convgauge lesson {name}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", recorded.date)
    assert "torch" in recorded.machine["versions"]
    text = lesson_table.markdown(lesson, recorded)
    assert recorded.command in text
    assert recorded.machine["processor"] in text


def test_the_ladder_gains_ten_thousandfold_in_ten_steps_or_more():
    recorded = table.read_recorded("ladder")
    assert recorded is not None
    assert len(recorded.rows) >= 10
    assert recorded.rows[0].implementation == "loops"
    assert lesson_table.total_gain(recorded.rows) >= 10_000


def test_a_damaged_table_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "FOLDER", tmp_path)
    assert table.read_recorded("loops") is None
    (tmp_path / "loops.json").write_text('{"lesson": 3}')
    with pytest.raises(UsageError, match=r"loops\.json: cannot be read as a table"):
        table.read_recorded("loops")


TASKS = [(lesson.name, at) for lesson in LESSONS for at, _ in enumerate(lesson.tasks, 1)]


@pytest.mark.parametrize(("name", "number"), TASKS)
def test_an_exercise_is_whole(name, number):
    task = lesson_named(name).tasks[number - 1]
    functions = [
        node.name for node in ast.parse(task.text).body if isinstance(node, ast.FunctionDef)
    ]
    assert task.function in functions
    assert len(task.hints) == 3
    assert set(task.shapes) <= SHAPES.keys()
    assert bool(task.shapes) != bool(task.claim)
    if task.claim:
        assert task.claim in MARKS.keys() & DRIVERS.keys()
    assert (name, number) in EDITS
    assert bool(holes(task.text)) == ("complete" in task.what or "..." in task.text)


def test_every_lesson_has_an_exercise_and_names_are_unique():
    assert len(set(NAMES)) == len(NAMES) == 14
    assert all(lesson.tasks for lesson in LESSONS)
