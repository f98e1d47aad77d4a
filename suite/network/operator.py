"""A quickened convolution as one operator, for graphs that torch.compile makes.

A compiled graph cannot look into a row; it calls this operator, which finds the module's packs by
the name that the graph has of them, or lets torch compute. An exported program has torch's own
convolution instead: it is to run where ConvGauge is not, and in other languages than Python.
Before torch 2.7 a graph cannot tell which of the two it is for, and always has torch's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.network.arguments import Arguments
from suite.network.packs import Packs
from suite.network.ready import layout_of


def convolve_in_graph(
    module: nn.Module, packs: Packs, by_torch: Callable[[Tensor], Tensor], input: Tensor
) -> Tensor:
    """Return a module's output, while torch.compile or torch.export traces the call."""
    weight, bias = module.weight, module.bias
    is_exporting = getattr(torch.compiler, "is_exporting", lambda: True)
    tensors = (input, weight) if bias is None else (input, weight, bias)
    if (
        is_exporting()
        or packs.arguments.sides is not None
        or input.dim() != 4
        or torch.is_autocast_enabled("cpu")
        or torch.are_deterministic_algorithms_enabled()
        or (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors))
    ):
        return by_torch(input)
    output: Tensor = conv2d(input, weight, bias, *packs.arguments.of_conv2d, packs.name)
    return output


@torch.library.custom_op("convgauge::conv2d", mutates_args=())
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
    layer: str,
) -> Tensor:
    """Compute `F.conv2d`, by the packs of that name where they answer such a call.

    The output lies in channels_last where the input or the weight does, and contiguous otherwise.
    """
    arguments = Arguments(_pair(stride), _pair(padding), _pair(dilation), groups)
    packs = Packs.named(layer)
    output = None
    if packs is not None and packs.arguments == arguments:
        output = packs.output(input, weight, bias)
    if output is None:
        output = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return output.contiguous(memory_format=_layout_of_output(input, weight))


@conv2d.register_fake
def _shape_only(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
    layer: str,  # noqa: ARG001
) -> Tensor:
    output = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return output.contiguous(memory_format=_layout_of_output(input, weight))


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    input, weight, bias, *ctx.arguments, _ = inputs
    ctx.save_for_backward(input, weight)
    ctx.bias_sizes = None if bias is None else list(bias.shape)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    input, weight = ctx.saved_tensors
    stride, padding, dilation, groups = ctx.arguments
    gradients = torch.ops.aten.convolution_backward(
        grad,
        input,
        weight,
        ctx.bias_sizes,
        stride,
        padding,
        dilation,
        False,
        [0, 0],
        groups,
        ctx.needs_input_grad[:3],
    )
    return *gradients, None, None, None, None, None


conv2d.register_autograd(_backward, setup_context=_keep_for_backward)


@conv2d.register_vmap
def _one_by_one(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Tensor, int]:
    *tensors, stride, padding, dilation, groups, _ = inputs
    outputs = []
    for i in range(info.batch_size):
        input, weight, bias = (
            tensor if dim is None else tensor.select(dim, i)
            for tensor, dim in zip(tensors, in_dims, strict=False)
        )
        outputs.append(F.conv2d(input, weight, bias, stride, padding, dilation, groups))
    return torch.stack(outputs), 0


def _layout_of_output(input: Tensor, weight: Tensor) -> torch.memory_format:
    layouts = (layout_of(input), layout_of(weight))
    return max(layouts, key=lambda layout: layout is torch.channels_last)


def _pair(values: list[int]) -> tuple[int, int]:
    first, second = values
    return first, second
