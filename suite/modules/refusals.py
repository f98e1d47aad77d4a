"""Which modules can be quickened, and why another cannot."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.parameter import Parameter, is_lazy

from suite.modules.arguments import DTYPES
from suite.modules.fused import FusedConv2d
from suite.operands.tensors import formats_of

_OWN = ("forward", "_conv_forward", "__call__", "_call_impl")
"""Methods that say what a call computes: in a subclass they may say something else."""
_COMPUTED = {
    "weight_g": "weight_norm computes its weight before each call",
    "weight_orig": "pruning or spectral_norm computes its weight before each call",
}
"""Parameter in the weight's place → what that tells."""


def why_not(module: nn.Module) -> str | None:
    """Return why no row can compute a module's convolution, or None."""
    if not isinstance(module, nn.Conv2d):
        return _why_no_conv2d(module)
    return next(_reasons(module), None)


def _why_no_conv2d(module: nn.Module) -> str:
    kind = type(module)
    if "quantized" in kind.__module__:
        return "it is quantised"
    if isinstance(module, nn.modules.conv._ConvNd):
        return f"{kind.__name__} is another convolution than conv2d"
    return f"{kind.__name__} is no convolution"


def _reasons(module: nn.Conv2d) -> Iterator[str]:
    if isinstance(module, nn.modules.lazy.LazyModuleMixin):
        yield "it is lazy: run the model once, then its sizes are known"
    if nn.utils.parametrize.is_parametrized(module):
        yield "a parametrisation computes its parameters at each use"
    for name, reason in _COMPUTED.items():
        if name in module._parameters:
            yield reason
    plain = getattr(type(module), "plain_class", type(module))  # before it was quickened
    ours = FusedConv2d if plain is FusedConv2d else nn.Conv2d
    for name in _OWN:
        if getattr(plain, name) is not getattr(ours, name) or name in vars(module):
            yield f"{plain.__name__} has a {name} of its own"
    for name in ("weight", "bias"):
        if name not in module._parameters:
            yield f"its {name} is no parameter"
        elif (parameter := module._parameters[name]) is not None:
            yield from _reasons_in(parameter, name)
    if module._parameters["weight"] is None:
        yield "it has no weight"


def _reasons_in(parameter: Parameter, name: str) -> Iterator[str]:
    if is_lazy(parameter) or type(parameter) is not Parameter:
        yield f"its {name} is a {type(parameter).__name__}, no plain parameter"
    if parameter.device.type != "cpu":
        yield f"its {name} is on {parameter.device}: rows are chosen for the CPU"
    if parameter.layout is not torch.strided:
        yield f"its {name} is {parameter.layout}"
    if parameter.dtype not in DTYPES:
        yield f"its {name} is {parameter.dtype}: rows are chosen for float32 and float64"
    if parameter.is_inference():
        yield f"its {name} was made in inference mode, and does not tell when it changes"
    if name == "weight" and not formats_of(parameter):
        yield "its weight is a view that is in no memory format"
