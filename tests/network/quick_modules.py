"""Plans without measurements, and torch's answer to hold a quickened module's against."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from suite.geometry import Shape
from suite.modules import Plan, as_called, fingerprint_here
from suite.tuning.store import Conditions, Row

STUB = "stub_module"


def planned(
    module: nn.Conv2d,
    input_shape: Shape,
    row: str = "stub",
    of_module: str = STUB,
    memory_format: str = "contiguous",
) -> Plan:
    """Return a plan for a module's calls with inputs of a shape."""
    dtype = str(module.weight.dtype).removeprefix("torch.")
    return Plan(
        as_called(module, input_shape),
        Conditions(dtype, memory_format, torch.get_num_threads()),
        Row(row, of_module),
        fingerprint_here(torch.__version__),
    )


def by_torch(module: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Return what a plain module with the present parameters answers."""
    weight, bias = module.weight, module.bias
    if module.padding_mode != "zeros":
        x = F.pad(x, module._reversed_padding_repeated_twice, mode=module.padding_mode)
        return F.conv2d(x, weight, bias, module.stride, 0, module.dilation, module.groups)
    return F.conv2d(x, weight, bias, module.stride, module.padding, module.dilation, module.groups)
