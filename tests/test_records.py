"""Dataclasses as JSON and back: what fits comes through bit for bit, nothing else comes in."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Generic, Literal, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.ranges import AnyFloat, Count, Misfit, Seconds, Within, shown
from suite.records import checked, from_json, from_plain, to_json

Value = TypeVar("Value")
HUGE = 10**400


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    x: int
    y: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder(Generic[Value]):
    value: Value | None
    pair: tuple[Value, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Everything:
    text: str
    flag: bool
    count: Count
    number: float
    wild: AnyFloat
    time_s: Seconds
    colour: Colour
    word: Literal["a", "b"]
    maybe: Point | None
    samples: tuple[float, ...]
    starts: tuple[tuple[int, int], ...]
    points: tuple[Point, ...]
    by_name: dict[str, Annotated[float, Within(0, 1)]]
    holder: Holder[Point]


EVERYTHING = Everything(
    text="2 µs × 3",
    flag=True,
    count=3,
    number=0.1,
    wild=-math.inf,
    time_s=1.5,
    colour=Colour.BLUE,
    word="b",
    maybe=None,
    samples=(0.1, 1e-300, 3.0),
    starts=((1, 2), (3, 4)),
    points=(Point(x=1), Point(x=2, y=3)),
    by_name={"share": 0.5},
    holder=Holder(value=Point(x=5), pair=(Point(x=6), 7)),
)


def test_a_record_comes_back_as_it_was():
    assert from_json(Everything, to_json(EVERYTHING)) == EVERYTHING


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30))
def test_floats_come_back_bit_for_bit(numbers):
    returned = from_plain(dict[str, tuple[float, ...]], {"all": numbers})["all"]
    again = from_json(dict[str, tuple[float, ...]], to_json({"all": returned}))["all"]

    assert [struct.pack("d", n) for n in again] == [struct.pack("d", n) for n in numbers]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("text", 5, "text: found 5, expected a text"),
        ("text", None, "text: found None, expected a text"),
        ("flag", 1, "flag: found 1, expected true or false"),
        ("count", True, "count: found True, expected an integer from 0"),
        ("count", -1, "count: found -1"),
        ("count", 1.0, "count: found 1.0, expected an integer"),
        ("count", HUGE, "count: found 1000"),
        ("number", math.nan, "number: found nan, expected a number from"),
        ("number", math.inf, "number: found inf"),
        ("number", HUGE, "number: found 1000"),
        ("number", "0.1", "number: found '0.1'"),
        ("number", [0.1], r"number: found \[0.1\]"),
        ("number", True, "number: found True"),
        ("wild", HUGE, "wild: found 1000"),
        ("wild", None, "wild: found None"),
        ("time_s", -1e-9, "time_s: found -1e-09, expected a number from 0 to 1e"),
        ("time_s", 1e300, "time_s: found 1e"),
        ("colour", "green", "colour: found 'green', expected red, blue"),
        ("colour", ["red"], "colour: found"),
        ("word", "c", "word: found 'c', expected a, b"),
        ("maybe", {"y": 1}, "maybe: no Point: it lacks x, and nothing is left over"),
        ("maybe", {"x": 1, "z": 1}, "maybe: no Point: it lacks nothing, and 'z' is left over"),
        ("maybe", [1], r"maybe: found \[1\], expected a Point"),
        ("samples", 0.1, "samples: found 0.1, expected a list"),
        ("samples", [0.1, math.nan], r"samples\[1\]: found nan"),
        ("samples", [0.1, math.inf, -math.inf], r"samples\[1\]: found inf"),
        ("samples", [0.1, [0.2]], r"samples\[1\]: found \[0.2\]"),
        ("samples", [1, HUGE], r"samples\[1\]: found 1000"),
        ("starts", [[1, 2], [3]], r"starts\[1\]: found \[3\], expected a list of 2"),
        ("starts", [[1, 2], [3, HUGE]], r"starts\[1\]\[1\]: found 1000"),
        ("starts", [[1, 2], [3, 4.0]], r"starts\[1\]\[1\]: found 4.0"),
        ("points", [{"x": 1}, {"x": "1"}], r"points\[1\].x: found '1'"),
        ("by_name", {"share": 2}, "by_name.'share': found 2, expected a number from 0 to 1"),
        ("by_name", [], r"by_name: found \[\], expected an object"),
        ("holder", {"value": 1, "pair": [{"x": 1}, 1]}, "holder.value: found 1, expected a Point"),
        ("holder", {"value": None, "pair": [{"x": 1}]}, "holder.pair: found"),
    ],
)
def test_what_does_not_fit_says_where_what_was_found_and_what_is_accepted(field, value, told):
    plain = {name: getattr(EVERYTHING, name) for name in Everything.__slots__}
    plain["holder"] = {"value": None, "pair": [{"x": 1}, 2]}
    plain["points"] = []

    assert from_plain(Everything, plain).flag
    with pytest.raises(Misfit, match=f"^{told}"):
        from_plain(Everything, plain | {field: value})


def test_a_number_longer_than_python_prints_is_refused_all_the_same():
    with pytest.raises(Misfit, match="x: found a int that cannot be printed, expected an integer"):
        from_plain(Point, {"x": 10**5000})


def test_fields_missing_and_left_over_are_named():
    with pytest.raises(Misfit, match="no Point: it lacks x, and 'u, z' is left over"):
        from_plain(Point, {"y": 1, "z": 1, "u": 1})


def test_what_a_type_itself_refuses_does_not_fit_either():
    from suite.problem import Problem

    fits = Problem.of_call((1, 1, 4, 4), (1, 1, 3, 3)).to_dict()
    with pytest.raises(Misfit, match="groups"):
        from_plain(Problem, {**fits, "groups": 7})


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 100_000, '{"x": 1' + "0" * 5000 + "}"])
def test_what_is_no_json_or_no_use_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"Expecting|nested|integer string|Unterm"):
        from_json(Point, text)


def test_half_characters_become_whole_ones_that_can_be_written_out():
    (text,) = from_json(tuple[str, ...], '["a\\ud800b"]')

    assert text.encode() == b"a?b"


def test_values_of_somebody_elses_code_are_checked_as_json_is():
    assert checked(Point(x=1)) == Point(x=1)
    with pytest.raises(Misfit, match="x: found 'one'"):
        checked(Point(x="one"))


def test_a_value_in_a_message_is_short():
    assert len(shown("x" * 1000)) <= 60
