"""Every row that may be chosen: a module that is quickened with it stays within the row's gate."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from quick_modules import planned
from torch import nn

from suite.conditions import Scenario
from suite.modules import as_called, plans_of, quicken
from suite.tuning.candidates import may_compute
from tests.impls.oracle import implementations, worst_ratio

LAYERS = {
    "3×3": (lambda: nn.Conv2d(8, 16, 3, padding=1), (1, 8, 14, 13)),
    "3×3, two images, no bias": (lambda: nn.Conv2d(8, 8, 3, bias=False), (2, 8, 9, 10)),
    "3×3, stride 2": (lambda: nn.Conv2d(3, 16, 3, 2, 1), (1, 3, 15, 14)),
    "1×1": (lambda: nn.Conv2d(16, 8, 1), (1, 16, 7, 6)),
    "one pixel": (lambda: nn.Conv2d(16, 24, 1), (1, 16, 1, 1)),
    "as large as its input": (lambda: nn.Conv2d(4, 10, 5), (1, 4, 5, 5)),
    "patches": (lambda: nn.Conv2d(3, 8, 4, 4), (1, 3, 12, 8)),
    "depthwise": (lambda: nn.Conv2d(8, 8, 5, padding=2, groups=8), (1, 8, 11, 12)),
    "groups": (lambda: nn.Conv2d(16, 16, 3, padding=1, groups=4), (1, 16, 8, 9)),
    "padded by itself": (lambda: nn.Conv2d(4, 4, 4, padding="same"), (1, 4, 9, 9)),
    "reflected": (lambda: nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"), (1, 8, 8, 8)),
}
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def chosen_rows():
    """Return the rows that may replace torch somewhere; `compile` takes 10 s for each shape."""
    entries = [entry for entry in implementations() if entry.family not in ("loops", "reference")]
    entries = [entry for entry in entries if not entry.on_request]
    return [entry for entry in entries if any(covers(entry, layer) for layer in LAYERS.values())]


def covers(entry, layer) -> bool:
    make, shape = layer
    return may_compute(entry, Scenario(id="t", problem=as_called(make(), shape)))


def module_of(entry) -> str:
    return f"impls.{entry.source.rpartition('/')[2].removesuffix('.py')}"


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("entry", chosen_rows(), ids=lambda entry: entry.name)
def test_a_module_computes_as_its_row_has_to(entry):
    torch.manual_seed(0)
    covered = {name: layer for name, layer in LAYERS.items() if covers(entry, layer)}
    for name, (make, shape) in covered.items():
        for memory_format, layout in FORMATS.items():
            conv = make().requires_grad_(False).to(memory_format=layout)
            x = torch.randn(shape).contiguous(memory_format=layout)
            plan = planned(conv, shape, entry.name, module_of(entry), memory_format)
            problem = plan.problem
            expected = conv(x)
            quicken(conv, [plan])
            with torch.no_grad():
                outputs = [conv(x), conv(x)]
            assert conv._quick.packs, (name, memory_format, conv._quick._refused)
            assert plans_of(conv) == (plan,)
            padded = conv._quick.arguments.padded(x)
            for output in outputs:
                assert output.is_contiguous(memory_format=layout) or not expected.is_contiguous(
                    memory_format=layout
                )
                ratio = worst_ratio(entry, problem, output, padded, conv.weight, conv.bias)
                assert ratio <= 1, (name, memory_format)


@pytest.mark.parametrize("entry", chosen_rows(), ids=lambda entry: entry.name)
def test_threads_may_call_a_row_at_once(entry):
    covered = (layer for layer in LAYERS.values() if covers(entry, layer))
    make, shape = next(covered)
    conv = make().requires_grad_(False)
    inputs = [torch.randn(shape) for _ in range(3)]
    expected = [conv(x) for x in inputs]
    quicken(conv, [planned(conv, shape, entry.name, module_of(entry))])
    conv(inputs[0])

    def agrees(i: int) -> bool:
        return all(torch.allclose(conv(inputs[i]), expected[i], atol=1e-3) for _ in range(20))

    with ThreadPoolExecutor(3) as threads:
        assert all(threads.map(agrees, range(3)))
    conv(inputs[0])
    assert conv._quick.packs, "it failed in a thread"
