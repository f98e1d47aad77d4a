"""The reader held against a full YAML library: what it accepts means the same there."""

import contextlib
import math
import re
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, SequenceNode

from suite.errors import UsageError
from suite.scenario.yamlreader import parse
from suite.scenario.yamltree import Faults, Node, Place, scalar


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
    """Return our tree as Python values."""
    if isinstance(node.value, dict):
        return {str(key): plain(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    # Folded and literal texts are read alike: their line breaks do not count.
    return " ".join(node.value.split()) if isinstance(node.value, str) else node.value


def library(text):
    return YAML(typ="safe", pure=True).compose(text)


def library_plain(node):
    """Return the library's tree as Python values; scalars resolved as ours are."""
    if isinstance(node, MappingNode):
        return {key.value: library_plain(item) for key, item in node.value}
    if isinstance(node, SequenceNode):
        return [library_plain(item) for item in node.value]
    value = scalar(node.value) if node.style is None else node.value
    return " ".join(value.split()) if isinstance(value, str) else value


def places(node: Node):
    yield node.place
    if isinstance(node.value, dict):
        for key, item in node.value.items():
            yield key.place
            yield from places(item)
    if isinstance(node.value, list):
        for item in node.value:
            yield from places(item)


def library_places(node):
    yield Place(node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, MappingNode):
        for key, item in node.value:
            yield Place(key.start_mark.line + 1, key.start_mark.column + 1)
            yield from library_places(item)
    if isinstance(node, SequenceNode):
        for item in node.value:
            yield from library_places(item)


DOCUMENTS = [
    "a: 1",
    "a: 1\nb: two words # a comment\n",
    "# first\n\n---\na: 1 # x\n...\n",
    "a:\n  b: 1\n  c:\n    d: [1, 2]\ne: 2\n",
    "a:\n- 1\n- 2\nb:\n  - 3\n  - - 4\n    - 5\n  - c: 6\n    d: 7\n",
    "a: {b: 1, c: [2, 3], 'd e': \"f\", g: }\n",
    'a: {"b":1, "c": [x y, z]}\n',
    "a: [1,\n    2, # two\n    {b: 3,\n     c: 4}]\nd: 5\n",
    "a: [[1, 9], [9, 1]]\n",
    "a: 'it''s'\nb: \"tab\\t \\u00d7 \\x41 \\\"q\\\" \\\\\"\n",
    "a: http://x.y/z#w\nb: -1\nc: -x\n",
    "a: >\n  folded\n  text\n\n  more\nb: |-\n  literal: text # no comment\nc: 1\n",
    "a : 1\n'b c': 2\n\"d\" : 3\n",
    "a: [a b, c:d, e#f]\n",
    "- a\n- b: 1\n-\n  c: 2\n",
    "a: ×\nb: 1 \n",
    "{a: 1}\n",
    "a: []\nb: {}\n",
    "12: 1\ntrue: 2\n",
]


@pytest.mark.parametrize("text", DOCUMENTS)
def test_values_and_places_are_those_of_a_full_library(text):
    ours, theirs = read(text), library(text)
    assert plain(ours) == library_plain(theirs)
    assert list(places(ours)) == list(library_places(theirs))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: "." in repr(x))
    | st.text("abc XY:-#,[]{}'\"&*!|>%@~0.1_/é×", max_size=12),
    # A list's only pair would be written without its braces, [a: 1], which we refuse.
    lambda inner: (
        st.lists(
            inner.filter(lambda item: len(item) != 1 if isinstance(item, dict) else True),
            max_size=4,
        )
        | st.dictionaries(st.text("abc:#-' 1", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text("abc_", min_size=1, max_size=4), VALUES, min_size=1, max_size=4),
    st.sampled_from([True, False, None]),
)
@settings(max_examples=150, deadline=None)
def test_what_a_library_writes_is_read_back(data, flow_style):
    from io import StringIO

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow_style
    yaml.width = 10_000
    stream = StringIO()
    yaml.dump(data, stream)
    text = stream.getvalue()
    try:
        expected = library(text)
    except YAMLError:  # it does not read all that it writes: {:1: null}
        assume(False)
    assume("? " not in text)
    assert plain(read(text)) == library_plain(expected)


LINES = st.lists(st.text("ab1:-,[]{}#'\" ", max_size=10), min_size=1, max_size=5)


# Where a colon touches what follows within brackets, as in {1:}, the library departs from YAML.
@given(LINES.map("\n".join).filter(lambda text: not re.search(r"[\[{].*:[^ \n]", text, re.DOTALL)))
@example("a: [b\n- c]")
@settings(max_examples=600, deadline=None)
def test_arbitrary_text_is_refused_or_means_what_a_library_reads(text):
    try:
        ours = read(text)
    except UsageError:
        return
    assert plain(ours) == library_plain(library(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, None) for word in ("", "~", "null", "Null")],
        *[("true", True), ("False", False), ("no", "no"), ("on", "on"), ("12:30", "12:30")],
        *[("12", 12), ("-3", -3), ("+4", 4), ("007", 7), ("1_000", "1_000"), ("0x10", "0x10")],
        *[("1e-3", 0.001), ("1.5", 1.5), (".5", 0.5), ("2.", 2.0), ("1e400", math.inf)],
        ("9" * 30, 1e30),
        ("2024-01-01", "2024-01-01"),
    ],
)
def test_scalars_follow_yaml_1_2(text, value):
    assert type(scalar(text)) is type(value)
    assert scalar(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1", "x.yaml:1:4: the anchor &x: scenario files hold plain values only"),
        ("a: *x", "x.yaml:1:4: the alias *x: write the value out"),
        ("a: !!int 3", "x.yaml:1:4: the tag !!int: scenario files hold plain values only"),
        ("a: !run x\n", "x.yaml:1:4: the tag !run: scenario files hold plain values only"),
        ("a:\n  <<: 1", "x.yaml:2:3: the merge key <<: write the values out"),
        ("a: 1\nb: 2\na: 3", 'x.yaml:3:1: the key "a" stands twice, first in line 1'),
        ("a: {b: 1,\n  b: 2}", 'x.yaml:2:3: the key "b" stands twice, first in line 1'),
    ],
)
def test_what_is_not_data_is_refused_at_its_place(text, message):
    assert refusal(text) == message


def test_all_that_is_not_data_is_told_at_once():
    lines = refusal("a: &x 1\nb: *x\nc: !t 2\nb: 3\n").splitlines()
    assert [line.split(":")[1] for line in lines] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", "x.yaml:1:1: the file is empty"),
        ("# only\n", "x.yaml:1:1: the file is empty"),
        ("a: b: c", 'x.yaml:1:5: expected the end of the line, found ": c"'),
        ("a: 1\n  b: 2", "x.yaml:2:3: indented by 2 columns, the entries above by 0"),
        ("a:\n    b: 1\n  c: 2", "x.yaml:3:3: indented by 2 columns, the entries above by 0"),
        ("a: 1\nb\n", "x.yaml:2:1: expected a key, a colon and a space"),
        ("a:1\nb: 2\n", "x.yaml:2:1: expected the end of the file"),
        ("a: [1, 2\nb: 3", "x.yaml:2:1: expected a comma or ] (opened in line 1)"),
        ("a: [1, 2", "x.yaml:1:4: this bracket is never closed by ]"),
        ("a: {b: 1", "x.yaml:1:4: this bracket is never closed by }"),
        ("a: 'b", "x.yaml:1:4: no closing quote on this line"),
        ('a: "\\q"', "x.yaml:1:4: unknown escape \\q"),
        ('a: "\\ud800"', "x.yaml:1:4: the character \\ud800 is not allowed"),
        ("a:\n\tb: 1", "x.yaml:2:1: a tab; indent with spaces"),
        ("a: \x01", "x.yaml:1:4: the character '\\x01' is not allowed"),
        ("a: @b", 'x.yaml:1:4: expected a value, found "@b"'),
        ("? a\n: b", 'x.yaml:1:1: expected a value, found "? a"'),
        ("a: 1\n---\nb: 2", "x.yaml:2:1: expected the end of the file; it holds one document"),
        ("---\n---\na: 1", "x.yaml:2:1: a second document begins"),
        ("%YAML 1.1\n---\na: 1", "x.yaml:1:1: expected a value"),
        ("a: one\n  two", "x.yaml:2:3: indented by 2 columns"),
        ("[" * 100_000, "x.yaml:1:10: nested deeper than 8 levels"),
        ("- " * 100_000, "x.yaml:1:19: nested deeper than 8 levels"),
    ],
)
def test_what_cannot_be_read_is_told_with_line_and_column(text, start):
    assert refusal(text).startswith(start)


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_raises_anything_but_a_usage_error(text):
    with contextlib.suppress(UsageError):
        read(text)


def test_the_library_refuses_what_is_broken_too():
    for text in ("a: b: c", "a: 1\n  b: 2", "a: [1, 2\nb: 3", "a: 'b", "a:\n\tb: 1", "a: @b"):
        with pytest.raises(YAMLError):
            library(text)
