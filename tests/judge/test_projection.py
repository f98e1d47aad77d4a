"""Inner products over a call's operand: the same from the streams as from the operand itself."""

from __future__ import annotations

import pytest
import torch

from suite.judge import projection
from suite.judge.projection import inner, inner_of_xors
from suite.operands.streams import Stream
from suite.operands.tensors import DTYPES
from suite.operands.values import BITS
from suite.processes.shared_memory import STREAM_SLACK
from suite.values import NORMAL


@pytest.mark.parametrize("dtype", sorted(DTYPES))
@pytest.mark.parametrize("count", [0, 1, projection.PIECE, 3 * projection.PIECE + 5])
def test_operands_need_not_be_written_down_to_be_projected(dtype, count):
    generator = torch.Generator().manual_seed(count)
    integer = BITS[DTYPES[dtype]].integer
    a, b = (torch.empty(count + STREAM_SLACK, dtype=integer) for _ in range(2))
    stream = Stream(DTYPES[dtype], a, b, NORMAL, is_stored=False)
    stream.draw(generator)
    weights = torch.randn(count, generator=generator, dtype=torch.float64)
    starts = [(17, 4000), (0, 4095), (STREAM_SLACK + 17, 3)]
    operand = torch.empty(count, dtype=DTYPES[dtype])

    offsets = [stream.offsets(start) for start in starts]
    projected = inner_of_xors(stream.bits, offsets, weights, operand.dtype)

    for start, of_one in zip(starts, projected, strict=True):
        stream.fill(operand, start)
        assert stream.made(operand, start)
        assert count == 0 or not stream.made(operand, (start[0] + 1, start[1]))
        assert of_one == pytest.approx(inner(operand, weights), rel=1e-12, abs=1e-9)
        assert inner(operand, weights) == pytest.approx(float(operand.double() @ weights))


def test_small_integers_weigh_as_their_values_do():
    values = torch.randn(1000)
    signs = torch.randint(0, 2, (1000,), dtype=torch.int8) * 2 - 1

    assert inner(values, signs) == pytest.approx(float(values.double() @ signs.double()))
