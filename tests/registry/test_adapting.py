"""Functions with another signature than conv2d's: told how they take it, they are called so."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from suite.errors import UsageError
from suite.registry import registering
from suite.registry.adapting import Adaptation
from suite.registry.guessing import guessed_from, likely_function
from suite.registry.registering import register


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch):
    monkeypatch.setattr(registering, "_registered", {})


def recorded(*args: object, **kwargs: object) -> tuple[object, ...]:
    return (*args, kwargs) if kwargs else args


@pytest.mark.parametrize(
    ("adapt", "given"),
    [
        ("input, weight, stride, padding", ("x", "w", 2, 1)),
        ("weight,input , groups", ("w", "x", 4)),
        ("input, weight, pair(stride), dilation", ("x", "w", (2, 2), 3)),
        ("input, weight, stride[1], padding[0], padding[1]", ("x", "w", 2, 1, 1)),
        ("input, weight, bias, pad=padding, s=pair(stride)", None),
    ],
)
def test_a_function_gets_what_it_takes_in_its_order(adapt, given):
    call = Adaptation.parse(adapt).applied_to(recorded)
    got = call("x", "w", "b", (2, 2), (1, 1), (3, 3), 4)

    assert got == (given or ("x", "w", "b", {"pad": 1, "s": (2, 2)}))
    assert call("x", "w", "b", 2, 1, 3, 4) == got


@pytest.mark.parametrize(
    ("adapt", "sizes", "reason"),
    [
        ("input, weight", {"bias": True}, "takes no bias"),
        ("input, weight", {"groups": 2}, "takes no groups, here are 2"),
        ("input, weight, padding", {"stride_h": 2, "stride_w": 2}, "takes no stride, here is 2"),
        (
            "input, weight, stride",
            {"stride_h": 2},
            "takes one stride for both axes, here are 2 and 1",
        ),
        ("input, weight, pair(stride)", {"stride_h": 2}, None),
        ("input, weight, stride[0], stride[1]", {"stride_h": 2}, None),
        (
            "input, weight, dilation[0]",
            {"dilation_w": 2},
            "takes no dilation along the width, here is 2",
        ),
        ("input, weight, stride", {"stride_h": 2, "stride_w": 2}, None),
        # The suite pads these itself, and the function sees none.
        ("input, weight", {"pad_left": 1}, None),
        ("input, weight", {"pad_left": 1, "pad_right": 1}, "takes no padding, here is 1"),
    ],
)
def test_what_it_is_not_told_it_does_not_cover_unless_it_is_the_default(
    problem, adapt, sizes, reason
):
    plain = dataclasses.replace(
        problem, groups=1, bias=False, pad_top=0, pad_bottom=0, height=12, width=12
    )
    register("mine", adapt=adapt)(recorded)
    why = registering.get("mine").why_unsupported_problem(
        dataclasses.replace(plain, **sizes).as_called()
    )

    assert why == reason


def test_its_own_reasons_count_besides(problem):
    adapt = "input, weight, bias, padding=pair(padding), groups=groups"
    register("mine", adapt=adapt, supports=lambda p: "never")(recorded)

    assert registering.get("mine").why_unsupported_problem(problem) == "never"


@pytest.mark.parametrize(
    ("adapt", "told"),
    [
        ("input, kernel", '"kernel" is no parameter of conv2d'),
        ("input, wieght", 'Did you mean "weight"'),
        ("input, stride", "leaves out weight"),
        ("input, weight, bias[0]", "bias has no height and width"),
        ("input, weight, stride + 1", "says nothing"),
        ("input, weight, class=stride", "says nothing"),
        ("input, weight, a=stride, a=padding", "gives a keyword twice"),
        ("input, weight, bias, groups", "gives it 4 arguments"),
        ("", "says nothing"),
        (5, "found 5, expected a text"),
    ],
)
def test_a_text_that_says_nothing_is_refused_where_it_stands(adapt, told):
    def three(a, b, c): ...

    with pytest.raises(UsageError, match=r"test_adapting.py: \"mine\": ") as refused:
        register("mine", adapt=adapt)(three)
    assert told in str(refused.value)
    assert not registering.registered()


def article(input, kernel, stride=1, padding=0): ...


def by_axes(x, w, sh, sw, pad_h, pad_w): ...


def unknown(img, filt, mode, stride): ...


def other_order(input, weight, stride, padding, dilation, groups, bias): ...


def extras(x, w, eps=1e-5, stride=1): ...


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (article, "input, weight, stride, padding"),
        (by_axes, "input, weight, stride[0], stride[1], padding[0], padding[1]"),
        (unknown, "input, weight, ?, stride"),
        (other_order, "input, weight, stride, padding, dilation, groups, bias"),
        (extras, "input, weight"),
    ],
)
def test_without_it_the_message_says_what_to_write(function, text):
    with pytest.raises(UsageError, match="has the signature") as refused:
        register("mine", family="direct")(function)

    assert f'@register("mine", adapt="{text}")' in str(refused.value)
    if "?" not in text:
        register("mine", adapt=text)(function)


def test_the_articles_function_needs_no_family():
    register("mine", adapt=guessed_from(inspect.signature(article)).text)(article)

    assert registering.get("mine").family == "direct"


def test_the_likeliest_function_of_a_file_is_found_without_running_it(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "raise SystemExit\ndef helper(x): ...\ndef conv(x, kernel, stride=1, *, flag=0): ...\n"
    )
    candidate = likely_function(path)

    assert candidate is not None
    assert candidate.name == "conv"
    assert likely_function(tmp_path / "missing.py") is None
    path.write_text("def broken(:\n")
    assert likely_function(path) is None
