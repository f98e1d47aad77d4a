"""Exercises: each is wrong as it is started and right when it is solved; and what else comes in."""

from __future__ import annotations

import importlib.util

import pytest

from suite.lessons import marking
from suite.lessons.child.claims import DRIVERS, MARKS
from suite.lessons.course import LESSONS, lesson_named
from suite.lessons.marking import Outcome, mark
from suite.lessons.table import path_of
from tests.lessons.solutions import EDITS, solved

CLAIMS = [
    (lesson.name, at) for lesson in LESSONS for at, task in enumerate(lesson.tasks, 1) if task.claim
]
BUGS = [("convolution", 2), ("loops", 2), ("columns", 2), ("fft", 2)]
QUICK = [("loops", 1), ("winograd", 1)]
"""The others are solved in the slow test: each starts processes that compute."""


def marked_claim(name: str, number: int, text: str, folder):
    task = lesson_named(name).tasks[number - 1]
    recorded = str(path_of(name))
    file = folder / f"{name}.py"
    file.write_text(text.replace("RECORDED", repr(recorded)))
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    given = DRIVERS[task.claim](getattr(module, task.function), recorded)
    return MARKS[task.claim](given, recorded)


@pytest.mark.parametrize(("name", "number"), CLAIMS)
def test_a_claim_is_wrong_as_started_and_right_when_it_is_proved(name, number, tmp_path):
    task = lesson_named(name).tasks[number - 1]
    if "..." not in task.text:
        assert not marked_claim(name, number, task.text, tmp_path).passed
    found = marked_claim(name, number, solved(name, number), tmp_path)
    assert found.passed, found.sentences
    assert found.sentences


@pytest.mark.parametrize(
    ("name", "edit", "says"),
    [
        ("layouts", ("return ...", "return c * h * w, h * w, w, 1"), "the strides of NCHW"),
        ("layouts", ("return ...", "return h * w * c, w * c, c, 1"), "order is not"),
        ("error", ("return x, w", "return x * 9, w"), "from -1 to 1"),
        ("error", ("return x, w", "return x.round(), w.round()"), "exact on these operands"),
        ("error", ("return x, w", "return x.double(), w"), "float32"),
        ("roofline", ("return 10.0, layer", "return 1.0, layer"), "exceeds it"),
        ("roofline", ("return 10.0, layer", "return 2.25, layer"), "within 2 %"),
        ("timing", ("return sum(times) / len(times)", "return min(times)"), "clock ticks"),
        ("timing", ("range(20)", "range(200)"), "interrupted"),
    ],
)
def test_a_claim_that_fails_is_told_why(name, edit, says, tmp_path):
    text = lesson_named(name).tasks[0].text
    assert edit[0] in text
    found = marked_claim(name, 1, text.replace(*edit), tmp_path)
    assert not found.passed
    assert says in " ".join(found.sentences)


def marked(name: str, number: int, text: str, folder):
    file = folder / f"{name}_{number}.py"
    file.write_text(text)
    lesson = lesson_named(name)
    return mark(lesson, lesson.tasks[number - 1], file, 1)


@pytest.mark.parametrize(("name", "number"), BUGS)
def test_bugs_are_found_as_they_are_planted(name, number, tmp_path):
    found = marked(name, number, lesson_named(name).tasks[number - 1].text, tmp_path)
    assert found.outcome is Outcome.WRONG
    assert found.suspicions


@pytest.mark.parametrize(("name", "number"), QUICK)
def test_a_solved_exercise_passes(name, number, tmp_path):
    found = marked(name, number, solved(name, number), tmp_path)
    assert found.outcome is Outcome.PASSED, found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), sorted(set(EDITS) - set(QUICK) - {("libraries", 1)}))
def test_every_exercise_can_be_solved(name, number, tmp_path):
    found = marked(name, number, solved(name, number), tmp_path)
    assert found.outcome is Outcome.PASSED, found


BEGINNING = "from suite import register\nimport torch\n\n\n@register('exercise')\n"
SIGNATURE = "def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):\n"


@pytest.mark.parametrize(
    ("body", "outcome", "says"),
    [
        (
            "    return torch.nn.functional.conv2d(input, weight, bias, stride, padding, dilation,"
            " groups)\n",
            Outcome.BORROWED,
            "conv",
        ),
        ("    return input[5]\n", Outcome.FAILED, "IndexError"),
        ("    return 3\n", Outcome.WRONG, "returned a int"),
        ("    import sys; sys.exit(0)\n", Outcome.FAILED, "sys.exit"),
        ("    import os; os._exit(0)\n", Outcome.FAILED, "ended"),
    ],
)
def test_what_is_no_convolution_is_told_kindly(body, outcome, says, tmp_path):
    found = marked("loops", 1, BEGINNING + SIGNATURE + body, tmp_path)
    assert found.outcome in (outcome, Outcome.FAILED)
    assert says in " ".join(found.sentences)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def conv2d(:\n", "SyntaxError"),
        ("import no_such_module\n", "no_such_module"),
        ("raise ValueError('at import')\n", "at import"),
        ("x = 1\n", "no function conv2d"),
    ],
)
def test_a_file_that_does_not_import_is_told(text, says, tmp_path):
    found = marked("loops", 1, text, tmp_path)
    assert found.outcome in (Outcome.UNREADABLE, Outcome.FAILED)
    assert says in " ".join(found.sentences)


@pytest.mark.parametrize(
    "where", ["while True: pass\n", f"{BEGINNING}{SIGNATURE}    while True: pass\n"]
)
def test_a_file_that_hangs_is_given_up(where, tmp_path, monkeypatch):
    monkeypatch.setattr(marking, "TIMEOUT_S", 1.0)
    found = marked("convolution", 1, where, tmp_path)
    assert found.outcome is Outcome.FAILED
    assert "never ends" in found.sentences[0]


def test_what_is_right_on_whole_numbers_alone_is_found_by_check(tmp_path):
    text = solved("convolution", 1).replace(").sum()", ").sum().round()")
    found = marked("convolution", 1, text, tmp_path)
    assert found.outcome is Outcome.WRONG
    assert "other data does not" in found.sentences[0]
