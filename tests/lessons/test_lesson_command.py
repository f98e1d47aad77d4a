"""`lesson` as a reader types it."""

from __future__ import annotations

import json
import re

import pytest

from suite.lessons.course import LESSONS
from tests.lessons.solutions import solved


def test_lesson_alone_lists_them(command):
    said = command("lesson")
    assert said.code == 0
    for lesson in LESSONS:
        assert re.search(rf"^ *\d+ {lesson.name} +{re.escape(lesson.title)}", said.out, re.M)


@pytest.mark.parametrize("word", ["winogrda", "0", "99", "", "../loops"])
def test_an_unknown_name_is_told_with_the_nearest_and_all(command, word):
    said = command("lesson", word)
    assert said.code == 2
    assert "There are: convolution, loops" in said.err
    assert ('Did you mean "winograd"?' in said.err) == (word == "winogrda")


def test_a_lesson_may_be_called_by_its_number(command):
    assert command("lesson", 7, "--task", 1, "--hint").out.startswith("lesson winograd, task 1")


def test_an_exercise_is_started_once(command, tmp_path):
    said = command("lesson", "loops", "--start")
    assert said.code == 0
    file = tmp_path / "loops_1.py"
    assert file.read_text().startswith("# Lesson loops, task 1: ")
    file.write_text("my work")
    refused = command("lesson", "loops", "--start")
    assert refused.code == 2
    assert "--force" in refused.err
    assert file.read_text() == "my work"
    assert command("lesson", "loops", "--start", "--force").code == 0
    assert file.read_text() != "my work"


def test_an_exercise_goes_where_one_says(command, tmp_path):
    (tmp_path / "there").mkdir()
    assert command("lesson", "loops", "--start", "there", "--task", 2).code == 0
    assert (tmp_path / "there/loops_2.py").is_file()
    assert command("lesson", "loops", "--start", "mine.py").code == 0
    assert (tmp_path / "mine.py").is_file()
    assert command("lesson", "loops", "--start", "no/such/folder.py").code == 2


def test_a_task_that_there_is_not_is_told(command):
    said = command("lesson", "ladder", "--start", "--task", 2)
    assert said.code == 2
    assert "has no task 2; it has one task, 1" in said.err


def test_what_is_not_filled_in_is_named_by_its_lines(command, tmp_path):
    command("lesson", "winograd", "--start")
    said = command("lesson", "winograd", "--check", "winograd_1.py")
    assert said.code == 3
    lines = (tmp_path / "winograd_1.py").read_text().splitlines()
    numbers = [int(n) for n in re.search(r"stands: line ([\d, ]+)", said.out)[1].split(",")]
    assert [lines[n - 1].strip() for n in numbers] == ["U = ...", "V = ...", "M = ...", "Y = ..."]
    assert "--hint" in said.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("loops", "--check", "none.py"), "no such file"),
        (("loops", "--check", "."), "is a folder"),
        (("loops", "--check", "bytes.py"), "no text in UTF-8"),
        (("columns", "--check", "loops_1.py"), "of lesson loops, not of columns"),
        (("loops", "--start", "a.py", "--check", "a.py"), "one of them at a time"),
        (("loops", "--check", "loops_1.py", "--save", "t.json"), "not its exercises"),
        (("--check", "loops_1.py"), "name a lesson"),
        (("--save", "t.json"), "name a lesson"),
        (("loops", "--save", "t.json", "--recorded"), "nothing is"),
        (("loops", "--hint", "0"), "1 or more"),
    ],
)
def test_what_does_not_fit_together_is_refused(command, tmp_path, words, says):
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe\x00")
    command("lesson", "loops", "--start")
    said = command("lesson", *words)
    assert said.code == 2
    assert says in said.err
    assert "Traceback" not in said.err


def test_an_answer_names_the_mistake_and_hints_come_one_by_one(command, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = solved("loops", 1).replace("* weight[k, c]", "* weight[k, c].flip(0, 1)")
    (tmp_path / "mine.py").write_text("# Lesson loops, task 1: mine\n" + text)
    said = command("lesson", "loops", "--check", "mine.py")
    assert said.code == 3
    assert "Right on 0 of 9 shapes" in said.out
    assert re.search(r"element \[0, 0, 0, 0\] is \S+, and should be", said.out)
    assert "«flipped kernel»" in said.out
    assert "hint 1" not in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    more = command("lesson", "loops", "--check", "mine.py", "--hint", 2).out
    assert "hint 1 of 4: the weight that multiplies" in " ".join(more.split())
    assert "hint 2 of 4" in more
    assert "hint 3" not in more


def test_a_right_answer_says_what_is_next(command, tmp_path):
    (tmp_path / "convolution_1.py").write_text(solved("convolution", 1))
    said = command("lesson", "convolution", "--check", "convolution_1.py")
    assert said.code == 0, said.out
    assert "right, on all 3 shapes" in said.out
    assert "--start --task 2" in said.out


def test_a_file_that_does_not_parse_is_bad_input(command, tmp_path):
    (tmp_path / "mine.py").write_text("def conv2d(:\n")
    said = command("lesson", "loops", "--check", "mine.py")
    assert said.code == 2
    assert "does not import" in said.out
    assert "SyntaxError" in said.out


def test_the_reference_itself_is_told_kindly(command, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import torch.nn.functional as F\nfrom suite import register\n\n\n"
        "@register('exercise')\n"
        "def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):\n"
        "    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)\n"
    )
    said = command("lesson", "loops", "--check", "mine.py")
    assert said.code == 3
    assert "right, and borrowed" in said.out
    assert "that is the reference" in " ".join(said.out.split())


def test_the_recorded_table_is_shown_without_measuring(command):
    said = command("lesson", "winograd", "--recorded")
    assert said.code == 0
    assert re.search(r"^winograd_tile6 +[\d.]+ [mµ]s", said.out, re.M)
    assert "recorded on 20" in said.out


def test_a_table_is_not_written_over(command, tmp_path):
    (tmp_path / "t.json").write_text("{}")
    said = command("lesson", "convolution", "--save", "t.json")
    assert said.code == 2
    assert (tmp_path / "t.json").read_text() == "{}"


@pytest.mark.slow
def test_a_table_is_measured_here_and_shown_beside_the_recorded_one(command, tmp_path):
    said = command("lesson", "convolution", "--save", "new/t.json")
    assert said.code == 0, said.out + said.err
    assert re.search(r"^loops_numbers +[\d.]+ [mµ]s", said.out, re.M)
    assert "recorded on" in said.out
    saved = json.loads((tmp_path / "new/t.json").read_text())
    assert {row["implementation"] for row in saved["rows"]} == {"loops", "loops_numbers", "torch"}
    assert saved["command"] == "convgauge lesson convolution"
