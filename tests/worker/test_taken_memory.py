"""Where no output may lie."""

from __future__ import annotations

import random

import pytest
import torch

from suite.operands.tensors import Operands
from suite.worker.outputs import Taken

BYTES = 64


def pieces(number: int) -> list[torch.Tensor]:
    """Return tensors with storages of their own, side by side in one allocation."""
    whole = bytearray(number * BYTES)
    return [
        torch.frombuffer(whole, dtype=torch.float32, count=BYTES // 4, offset=at * BYTES)
        for at in range(number)
    ]


def operands() -> Operands:
    return Operands(input=torch.zeros(4), weight=torch.zeros(4), bias=None, grad=None)


def test_an_operand_is_named():
    given = operands()

    assert Taken(given).holder(given.weight[2:]) == "the weight"
    assert Taken(given).holder(torch.zeros(4)) is None


@pytest.mark.parametrize("held", [1, 2, 3, 34])
def test_an_output_is_found_wherever_it_lies_among_those_that_are_held(held):
    every = pieces(2 * held + 1)
    random.Random(held).shuffle(chosen := every[1::2])
    taken = Taken(operands(), chosen)

    assert all(taken.holder(piece) == "an earlier output" for piece in every[1::2])
    assert not any(taken.holder(piece) for piece in every[::2])


def test_one_that_encloses_another_hides_none():
    large, small = torch.zeros(1000), torch.zeros(4)
    taken = Taken(operands(), [large, large[:2], small])

    assert taken.holder(large[900:]) == "an earlier output"
    assert taken.holder(small) == "an earlier output"
