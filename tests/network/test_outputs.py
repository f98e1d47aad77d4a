"""What a network returns, however it is nested, and how far it is from what it should be."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch

from suite.network.outputs import numbers_in, rel_l2_error, tensors_in

A, B = torch.ones(2), torch.zeros(3)


class Named(NamedTuple):
    first: torch.Tensor
    rest: list[torch.Tensor]


@dataclass
class Record:
    logits: torch.Tensor
    hidden: tuple[torch.Tensor, ...] | None = None
    name: str = "x"


@pytest.mark.parametrize(
    "output",
    [
        (A, B),
        {"a": A, "b": [B]},
        OrderedDict(a=A, b={"c": (B, None, 3)}),
        Named(A, [B]),
        Record(A, (B,)),
        [Record(A), Record(B)],
    ],
    ids=lambda output: type(output).__name__,
)
def test_tensors_are_found_wherever_they_are(output):
    assert [tensor is A or tensor is B for tensor in tensors_in(output)] == [True, True]


def test_other_things_and_what_holds_itself_hold_no_tensor():
    circle: list[object] = []
    circle.append(circle)
    for output in (None, 3, "text", circle, Record):
        assert list(tensors_in(output)) == []


def test_whole_numbers_are_left_to_themselves():
    (found,) = numbers_in((A, torch.tensor([1])))
    assert torch.equal(found, A)


def test_the_error_is_that_of_all_tensors_together():
    assert rel_l2_error([A, B], [A, B]) == 0
    assert rel_l2_error([1.1 * A, B], [A, B]) == pytest.approx(0.1)
    assert rel_l2_error([A], [A, B]) == math.inf
    assert rel_l2_error([A, B + 1], [A, B]) == pytest.approx(math.sqrt(3 / 2))


def test_what_is_no_number_has_to_be_the_same():
    odd = torch.tensor([1.0, math.inf, math.nan])
    assert rel_l2_error([odd.clone()], [odd]) == 0
    assert rel_l2_error([torch.tensor([1.0, 2.0, math.nan])], [odd]) == math.inf
    assert rel_l2_error([torch.tensor([math.nan, math.inf, math.nan])], [odd]) == math.inf
