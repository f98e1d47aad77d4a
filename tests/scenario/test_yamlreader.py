"""What a scenario file's YAML means, where everything stands, and what is refused."""

import contextlib
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from suite.errors import UsageError
from suite.scenario import yamlreader
from suite.scenario.yamlreader import parse
from suite.scenario.yamltree import Faults, Place, scalar

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]


@pytest.fixture(autouse=True, params=LOADERS, ids=lambda loader: loader.__name__, scope="module")
def _loader(request):
    """Both of PyYAML's parsers have to give the same values and places."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yamlreader, "LOADER", request.param)
        yield


def read(text):
    faults = Faults(Path("x.yaml"))
    node = parse(text, faults)
    faults.raise_any()
    return node


def refusal(text):
    with pytest.raises(UsageError) as caught:
        read(text)
    return str(caught.value)


def plain(node):
    """Return a tree as Python values."""
    if isinstance(node.value, dict):
        return {str(key): plain(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def places(node):
    """Yield where each key and value stands, in the order of the text."""
    yield node.place
    if isinstance(node.value, dict):
        for key, item in node.value.items():
            yield key.place
            yield from places(item)
    if isinstance(node.value, list):
        for item in node.value:
            yield from places(item)


def test_mappings_lists_and_texts_are_read():
    text = "a: {b: 1, c: [2, x y]}\nd:\n- 'it''s'\n- e: \"\\u00d7\"\nf: >\n  two\n  lines\n"
    assert plain(read(text)) == {
        "a": {"b": 1, "c": [2, "x y"]},
        "d": ["it's", {"e": "×"}],
        "f": "two lines\n",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, None) for word in ("", "~", "null", "Null")],
        ("true", True), ("False", False), ("no", "no"), ("on", "on"), ("12:30", "12:30"),
        ("12", 12), ("-3", -3), ("+4", 4), ("007", 7), ("1_000", "1_000"), ("0x10", "0x10"),
        ("1e-3", 0.001), ("1.5", 1.5), (".5", 0.5), ("2.", 2.0), ("1e400", math.inf),
        ("9" * 30, 1e30),
        ("2024-01-01", "2024-01-01"),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text, value):
    assert type(scalar(text)) is type(value)
    assert scalar(text) == value
    assert plain(read(f"a: {text}")) == {"a": value}


@pytest.mark.parametrize("text", ["'12'", '"12"', "|-\n  12", ">-\n  12"])
def test_what_is_quoted_or_a_block_is_text(text):
    assert plain(read(f"a: {text}")) == {"a": "12"}


def test_keys_are_text_whatever_they_look_like():
    assert plain(read("12: 1\ntrue: 2\n'b c': 3\n")) == {"12": 1, "true": 2, "b c": 3}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", [(1, 1), (1, 1), (1, 4)]),
        ("# x\n\na:\n  b: two words\n", [(3, 1), (3, 1), (4, 3), (4, 3), (4, 6)]),
        ("- 1\n-  ×: [2,\n    3]", [(1, 1), (1, 3), (2, 4), (2, 4), (2, 7), (2, 8), (3, 5)]),
        ("a:\nb: 'c'", [(1, 1), (1, 1), (1, 3), (2, 1), (2, 4)]),
        ("{a: {b: 1}}", [(1, 1), (1, 2), (1, 5), (1, 6), (1, 9)]),
        ("a: >\n  text\nb: 1", [(1, 1), (1, 1), (1, 4), (3, 1), (3, 4)]),
    ],
)
def test_keys_and_values_know_line_and_column(text, expected):
    assert list(places(read(text))) == [Place(*place) for place in expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1", "x.yaml:1:4: the anchor &x: leave it out"),
        ("a: *x", "x.yaml:1:4: the alias *x: write the value out"),
        ("*x : 1", "x.yaml:1:1: the alias *x: write the value out"),
        ("a: !!int 3", "x.yaml:1:4: a tag: leave it out; quotes make text of a number"),
        ("a: !run [x]\n", "x.yaml:1:4: a tag: leave it out; quotes make text of a number"),
        ("a:\n  <<: 1", "x.yaml:2:3: the merge key <<: write the values out"),
        ("[a]: 1", 'x.yaml:1:1: ["a"] as a key; accepted: a word'),
        ("a:\n  ? {b: 1}\n  : 2", "x.yaml:2:5: {b: 1} as a key; accepted: a word"),
        ("a: 1\nb: 2\na: 3", 'x.yaml:3:1: the key "a" stands twice, first in line 1'),
        ("a: {b: 1,\n  b: 2}", 'x.yaml:2:3: the key "b" stands twice, first in line 1'),
        ('a: "\\x1b[31m"', "x.yaml:1:4: the character '\\x1b' is not allowed; take it out"),
        ('"\\0": 1', "x.yaml:1:1: the character '\\x00' is not allowed; take it out"),
    ],
)
def test_what_is_not_data_is_refused_at_its_place(text, message):
    assert refusal(text) == message


def test_all_that_is_not_data_is_told_at_once():
    lines = refusal("a: &x 1\nb: *x\nc: !t 2\nb: 3\n[d]: 4\n").splitlines()
    assert [line.split(":")[1] for line in lines] == ["1", "2", "3", "4", "5"]


def test_the_value_of_a_refused_key_is_checked_too():
    lines = refusal("? [a]\n: &x 1\nb: 2").splitlines()
    assert [line.split(":")[1:3] for line in lines] == [["1", "3"], ["2", "3"]]


@pytest.mark.parametrize(
    ("text", "start", "cure"),
    [
        ("", "1:1: the file is empty", "give at least one key"),
        ("# only\n", "1:1: the file is empty", "give at least one key"),
        ("a: 1\n---\nb: 2", "2:1: a second document begins", "put it into a file of its own"),
        ("---\n---\na: 1", "2:1: a second document begins", "put it into a file of its own"),
        # Some releases of libyaml give up on a thousand themselves.
        ("[" * 500, "1:10: nested deeper than 8 levels", "nothing needs that"),
        ("- " * 100_000, "1:19: nested deeper than 8 levels", "nothing needs that"),
        ("a: 1\nb: \x01", "2:4: the character '\\x01' is not allowed", "take it out"),
        ("a: b: c", "1:5: not YAML: mapping values are not", 'quote text with ": "'),
        ("a: 1\n  b: 2", "2:4: not YAML: mapping values are not", "indent entries alike"),
        ("a:1\nb: 2\n", "2:2: not YAML: mapping values are not", "put a space behind the colon"),
        ("a:\n    b: 1\n  c: 2", "3:3: not YAML: ", "indent the entries"),
        ("a: 1\n- b", "2:1: not YAML: ", "indent the entries"),
        ("a: 'it's'", "1:8: not YAML: ", "quote text with special characters"),
        ("a: 1\nb\n", "3:1: not YAML: could not find expected ':'", "begins at 2:1; put a colon"),
        ("a: [1, 2\nb: 3", "2:2: not YAML: ", "begins at 1:4; put commas between the entries"),
        ("a: {b: 1\n", "2:1: not YAML: ", "begins at 1:4; put commas between the entries"),
        (
            "a: 'b",
            "1:6: not YAML: found unexpected end of stream",
            "begins at 1:4; close the quote",
        ),
        ('a: "\\q"', "1:", "begins at 1:4; use single quotes"),
        ("a:\n\tb: 1", "2:1: not YAML: found character", "any token; indent with spaces"),
        ("a: @b", "1:4: not YAML: found character", "any token; indent with spaces, quote text"),
    ],
)
def test_what_cannot_be_read_is_told_with_line_column_and_cure(text, start, cure):
    message = refusal(text)
    assert message.startswith(f"x.yaml:{start}")
    assert cure in message
    assert "\n" not in message


def test_what_was_found_before_an_unreadable_place_is_told_too():
    lines = refusal("a: &x 1\nb: *x\nc: [\n").splitlines()
    assert [line.split(":")[1] for line in lines] == ["1", "2", "4"]


def test_a_value_is_shown_on_one_line():
    assert str(read('"a\\nb"')) == '"a\\nb"'


@given(st.text(max_size=60) | st.text("ab1:-,[]{}#'\"\\&*!|>?% \n", max_size=40))
@example("\ud800")
@example("\ufeffa: 1")
@settings(max_examples=300, deadline=None)
def test_no_text_raises_anything_but_a_usage_error(text):
    with contextlib.suppress(UsageError):
        read(text)
