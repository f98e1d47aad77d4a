"""Each mistake is planted, and has to be told from all others by what it gives."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from suite.lessons.child.backward_mistakes import BACKWARD
from suite.lessons.child.calls import Call
from suite.lessons.child.diagnosing import Case, diagnose
from suite.lessons.child.forward_mistakes import FORWARD
from suite.lessons.child.mistakes import result_of
from suite.lessons.shapes import SHAPES

ALL = ("square", "channels", "images", "bias", "stride", "padding", "same", "dilation", "groups")
MORE = ("everything", "square-channels", "depthwise")
BACK = ("channels", "square-channels", "stride", "padding", "stride-padding")


def calls(names, operation="forward", seed=0) -> list[Call]:
    generator = torch.Generator().manual_seed(seed)

    def numbers(shape):
        return torch.randint(1, 10, shape, generator=generator).double()

    made = []
    for name in names:
        problem = SHAPES[name]
        shape = problem.input_shape if operation == "forward" else problem.output_shape
        b = numbers((problem.out_channels,)) if problem.bias else None
        made.append(Call.of(problem, operation, numbers(shape), numbers(problem.weight_shape), b))
    return made


def cases(made, *mistakes) -> list[Case]:
    """Return what somebody who makes these mistakes gets; where it cannot be computed, nothing."""
    got = []
    for number, call in enumerate(made):
        try:
            y = result_of(call, mistakes)
        except RuntimeError:
            continue
        got.append(Case(number, call, call.result() if y is None else y))
    return got


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """As the examiner has it: a second one costs more than it saves on such shapes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def forward():
    return calls((*ALL, *MORE))


@pytest.mark.parametrize("mistake", FORWARD, ids=lambda mistake: mistake.name)
def test_a_planted_mistake_is_named(mistake, forward):
    found = diagnose(cases(forward, mistake))
    assert found.together
    assert [suspicion.name for suspicion in found.suspicions] == [mistake.name]


@pytest.mark.parametrize("mistake", BACKWARD, ids=lambda mistake: mistake.name)
def test_a_planted_mistake_in_a_gradient_is_named(mistake):
    found = diagnose(cases(calls(BACK, "backward_data"), mistake))
    assert [suspicion.name for suspicion in found.suspicions] == [mistake.name]


@pytest.mark.parametrize(
    "names",
    [
        ("flipped kernel", "bias forgotten"),
        ("swapped stride", "missing group"),
        ("transposed kernel", "last row empty"),
        ("spectrum not conjugated", "padding left out"),
        ("channels in reverse", "sign"),
    ],
)
def test_two_mistakes_at_once_are_named_both(names, forward):
    by_name = {mistake.name: mistake for mistake in FORWARD}
    found = diagnose(cases(forward, *(by_name[name] for name in names)))
    told = {suspicion.name for suspicion in found.suspicions}
    assert found.together
    assert told == set(names) or "spectrum not conjugated" in told


def test_three_mistakes_are_named_where_each_shows():
    by_name = {mistake.name: mistake for mistake in FORWARD}
    three = ("swapped padding", "missing group", "bias twice")
    found = diagnose(cases(calls(ALL), *(by_name[name] for name in three)))
    assert not found.together
    assert {suspicion.name for suspicion in found.suspicions} == set(three)


def test_right_results_rouse_no_suspicion(forward):
    found = diagnose([Case(n, call, call.result()) for n, call in enumerate(forward)])
    assert found.of == 0
    assert not found.suspicions
    rounded = [Case(n, c, c.result() * (1 + 1e-7)) for n, c in enumerate(forward)]
    assert diagnose(rounded).of == 0


def test_what_no_mistake_explains_is_told_by_its_elements():
    (call,) = calls(["same"])
    y = call.result()
    y[0, 2, 5] += 7
    found = diagnose([Case(0, call, y)])
    assert not found.suspicions
    (element,) = found.wrong
    assert element.index == (0, 2, 5, 0)
    assert element.got == element.expected + 7
    assert (element.wrong, element.elements) == (6, 108)
    assert element.where == "only in the last row"


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        ((slice(None), slice(None), slice(None), 0), "only in the first column"),
        ((slice(None), slice(1, None)), "only in output channels after the first"),
        ((slice(None),), "all of them"),
    ],
)
def test_where_elements_are_wrong_is_told(spoil, where):
    (call,) = calls(["channels"])
    y = call.result()
    y[spoil] += 1
    assert diagnose([Case(0, call, y)]).wrong[0].where == where


def test_elements_at_the_edge_are_known_by_their_windows():
    (call,) = calls(["same"])
    inside = replace(call, sides=(0, 0, 0, 0)).result()
    y = call.result() + 1
    y[:, :, 1:-1, 1:-1] = inside
    assert "reaches into the padding" in diagnose([Case(0, call, y)]).wrong[0].where


def test_a_nan_is_wrong():
    (call,) = calls(["square"])
    y = call.result()
    y[0, 0, 2, 3] = float("nan")
    (element,) = diagnose([Case(0, call, y)]).wrong
    assert element.index == (0, 0, 2, 3)
