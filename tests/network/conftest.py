"""Shared by the tests of quickened modules: a row that shows when it is called, and with what."""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import torch
import torch.nn.functional as F
from quick_modules import STUB, planned
from torch import nn

from suite.modules import quicken
from suite.own_imports import own_name
from suite.registry import registering


@dataclass
class Stub:
    """What a row was asked for that convolves with the weight as it was when it was packed."""

    packed: int = 0
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, weight: torch.Tensor, problem: object) -> torch.Tensor:
        with self.lock:
            self.packed += 1
        return weight.clone()

    def convolve(self, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        with self.lock:
            self.calls += 1
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Compute on one thread: small tensors on two, next to other tests, take a hundred times."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def register_row(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Register rows for one test, as a module of its own would."""
    monkeypatch.setattr(registering, "_registered", dict(registering._registered))
    monkeypatch.setitem(sys.modules, own_name(STUB), types.ModuleType(STUB))

    def add(name: str, function: Callable[..., torch.Tensor], **declared: object) -> None:
        registering.register(name, family="direct", **declared)(function)

    return add


@pytest.fixture
def stub(register_row: Callable[..., None]) -> Stub:
    """A row called "stub": a stale pack of its gives the output of the old weight."""
    row = Stub()
    register_row("stub", row.convolve, prepare=row.prepare)
    return row


@pytest.fixture
def conv(stub: Stub) -> nn.Conv2d:
    """A convolution of (2, 4, 9, 8) inputs, quickened with the row "stub", not called yet."""
    torch.manual_seed(0)
    module = nn.Conv2d(4, 6, 3, padding=1).eval()
    quicken(module, [planned(module, (2, 4, 9, 8))])
    return module


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(2, 4, 9, 8, generator=torch.Generator().manual_seed(1))
