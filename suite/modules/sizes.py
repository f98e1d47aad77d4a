"""How much memory packs take."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy
import torch
from torch import nn

from suite.modules.pack import Pack
from suite.modules.quickening import QuickConv


def pack_bytes(module: nn.Module) -> int:
    """Return the bytes of all packs in a module and its submodules, beyond the weights themselves.

    Counted are tensors and arrays; what an engine such as OpenVINO keeps for itself is not known.
    """
    quick = [part for part in module.modules() if isinstance(part, QuickConv)]
    memory: dict[int, int] = {}
    for part in quick:
        for pack in part._quick.packs:
            memory.update(_memory_of(pack))
    return sum(memory.values())


def _memory_of(pack: Pack) -> dict[int, int]:
    """Return address → bytes of everything in a pack that is not the weight."""
    of_weight = pack.held.untyped_storage().data_ptr()
    found = dict(_blocks_in(pack.content))
    found.pop(of_weight, None)
    return found


def _blocks_in(value: Any) -> Iterator[tuple[int, int]]:
    if isinstance(value, torch.Tensor):
        yield _block_of(value)
    elif isinstance(value, numpy.ndarray):
        yield value.__array_interface__["data"][0], value.nbytes
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _blocks_in(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield from _blocks_in(list(value.values()))
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            yield from _blocks_in(item)


def _block_of(tensor: torch.Tensor) -> tuple[int, int]:
    if tensor.layout is torch.strided:
        storage = tensor.untyped_storage()
        return storage.data_ptr(), storage.nbytes()
    return id(tensor), tensor.numel() * tensor.element_size()  # oneDNN's own order
