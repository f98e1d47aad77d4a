"""How many packs there are, what they take, and what happens when a row fails."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from quick_modules import by_torch, planned
from torch import nn

from suite.errors import Unsupported
from suite.network import pack_bytes, plans_of, quicken
from suite.network.packs import MOST_KEPT


def test_only_the_packs_used_last_are_kept(stub):
    conv = nn.Conv2d(4, 6, 3, padding=1)
    sizes = range(5, 5 + MOST_KEPT + 2)
    quicken(conv, [planned(conv, (1, 4, size, size)) for size in sizes])
    with torch.no_grad():
        for size in sizes:
            x = torch.randn(1, 4, size, size)
            torch.testing.assert_close(conv(x), by_torch(conv, x))
        assert pack_bytes(conv) == MOST_KEPT * conv.weight.nbytes
        packed = stub.packed
        conv(torch.randn(1, 4, sizes[-1], sizes[-1]))
        assert stub.packed == packed
        conv(torch.randn(1, 4, 5, 5))
        assert stub.packed == packed + 1


def test_sizes_that_alternate_are_packed_once_each(stub):
    conv = nn.Conv2d(4, 6, 3, padding=1)
    quicken(conv, [planned(conv, (1, 4, size, size)) for size in (5, 6)])
    with torch.no_grad():
        for turn in range(20):
            x = torch.randn(1, 4, 5 + turn % 2, 5 + turn % 2)
            torch.testing.assert_close(conv(x), by_torch(conv, x))
    assert (stub.packed, stub.calls) == (2, 22)


def test_each_memory_format_has_its_plan_and_its_output_lies_as_torch_s_does(stub, x):
    conv = nn.Conv2d(4, 6, 3, padding=1)
    formats = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
    quicken(conv, [planned(conv, x.shape, memory_format=name) for name in formats])
    with torch.no_grad():
        for layout in formats.values():
            output = conv(x.contiguous(memory_format=layout))
            assert output.is_contiguous(memory_format=layout)
    assert stub.packed == 2


def test_a_row_s_output_is_brought_into_torch_s_memory_format(register_row, x):
    def turned(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        output = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
        return output.contiguous(memory_format=torch.channels_last)

    register_row("turned", turned)
    conv = nn.Conv2d(4, 6, 3, padding=1)
    quicken(conv, [planned(conv, x.shape, "turned")])
    with torch.no_grad():
        assert conv(x).view(2, -1).shape == (2, 6 * 9 * 8)


def test_memory_that_is_the_weight_s_own_is_not_counted(register_row, x):
    def plain(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)

    register_row("plain", plain)
    conv = nn.Conv2d(4, 6, 3, padding=1)
    quicken(conv, [planned(conv, x.shape, "plain")])
    with torch.no_grad():
        conv(x)
    assert conv._quick.packs
    assert pack_bytes(conv) == 0


def test_everything_in_a_pack_is_counted_once(register_row, x):
    @dataclasses.dataclass
    class Content:
        panels: torch.Tensor
        more: tuple[object, ...]

    def prepare(weight, problem):
        panels = weight.clone()
        return Content(panels, (panels[1:], torch.zeros(5).numpy(), {"bias": torch.zeros(3)}, 7))

    def convolve(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        return F.conv2d(input, weight.panels, bias, stride, padding, dilation, groups)

    register_row("rich", convolve, prepare=prepare)
    conv = nn.Conv2d(4, 6, 3, padding=1)
    quicken(conv, [planned(conv, x.shape, "rich")])
    with torch.no_grad():
        conv(x)
    assert pack_bytes(conv) == conv.weight.nbytes + 5 * 4 + 3 * 4


@pytest.mark.parametrize("where", ["packing", "calling", "calling later"])
@pytest.mark.parametrize("error", [Unsupported("not today"), RuntimeError("broken"), KeyError("k")])
def test_a_row_that_fails_leaves_its_calls_to_torch(register_row, x, where, error):
    tries = []

    def prepare(weight, problem):
        if where == "packing":
            tries.append("packing")
            raise error
        return weight

    def convolve(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        tries.append("calling")
        if where == "calling" or len(tries) > 15:
            raise error
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)

    register_row("failing", convolve, prepare=prepare)
    conv = nn.Conv2d(4, 6, 3, padding=1)
    quicken(conv, [planned(conv, x.shape, "failing")])

    def call_often():
        with torch.no_grad():
            for _ in range(25):
                torch.testing.assert_close(conv(x), by_torch(conv, x))

    if isinstance(error, Unsupported):
        call_often()
    else:
        with pytest.warns(RuntimeWarning, match="row failing failed, and torch computes") as warned:
            call_often()
        assert len(warned) == 1
    assert len(tries) == (16 if where == "calling later" else 1)
    assert plans_of(conv)


def test_a_row_that_answers_another_shape_is_not_used(register_row, x):
    def short(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)[:1]

    register_row("short", short)
    conv = nn.Conv2d(4, 6, 3, padding=1)
    quicken(conv, [planned(conv, x.shape, "short")])
    with torch.no_grad():
        torch.testing.assert_close(conv(x), by_torch(conv, x))
