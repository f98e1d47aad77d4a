"""gemv hands addresses to compiled code: what was not packed for must not reach it."""

from __future__ import annotations

import pytest
import torch

from impls.gemv import _packing, gemv
from suite import Unsupported
from suite.problem import Problem

PROBLEM = Problem.of_call((1, 5, 1, 1), (7, 5, 1, 1))
PACKED = _packing.prepare(torch.ones(7, 5, 1, 1), PROBLEM)
PIXEL, BIAS = torch.ones(1, 5, 1, 1), torch.ones(7)


@pytest.mark.parametrize(
    ("pixel", "bias"),
    [
        (torch.ones(1, 4, 1, 1), BIAS),
        (torch.ones(2, 5, 1, 1), BIAS),
        (PIXEL.double(), None),
        (PIXEL.half(), BIAS),
        (PIXEL, BIAS[:6]),
        (PIXEL, BIAS.half()),
    ],
    ids=["channels", "images", "float64", "float16", "short bias", "bias in float16"],
)
def test_what_it_was_not_packed_for_is_refused(pixel, bias):
    with pytest.raises(Unsupported, match=r"^packed for .*; got"):
        gemv(pixel, PACKED, bias)


def test_elements_that_do_not_lie_in_order_are_read_all_the_same():
    pixel, bias = torch.arange(10.0).view(1, 10, 1, 1)[:, ::2], torch.arange(14.0)[::2]
    assert torch.equal(gemv(pixel, PACKED, bias).flatten(), 20 + bias)
