"""A convolution module with what follows it: the sum with a residual, and an activation.

It stands in folded networks only. torch computes it as the layers that it was made of did; a row
that fuses may compute it as a whole (`suite.modules.quickening`).
"""

from __future__ import annotations

import torch
from torch import nn

from suite.epilogues import NONE
from suite.operands.epilogue import finish_, finished


class FusedConv2d(nn.Conv2d):
    """`nn.Conv2d`, and an epilogue: its second argument is the residual, if it adds one."""

    epilogue: str = NONE

    def forward(self, input: torch.Tensor, residual: torch.Tensor | None = None) -> torch.Tensor:
        output = super().forward(input)
        is_recorded = torch.is_grad_enabled() and (
            output.requires_grad or (residual is not None and residual.requires_grad)
        )
        is_broadcast = residual is not None and (
            not isinstance(residual, torch.Tensor)  # a graph does not know what it adds
            or residual.shape != output.shape
            or residual.dtype != output.dtype
        )
        if is_recorded or is_broadcast:
            return finished(output, self.epilogue, residual)
        return finish_(output, self.epilogue, residual)

    def extra_repr(self) -> str:
        plain: str = super().extra_repr()  # type: ignore[no-untyped-call]
        return f"{plain}, epilogue={self.epilogue}"


def epilogue_of(module: nn.Module) -> str:
    """Return a convolution module's epilogue, `NONE` of a plain one."""
    return module.epilogue if isinstance(module, FusedConv2d) else NONE


def fused_from(
    conv: nn.Conv2d, weight: torch.Tensor, bias: torch.Tensor | None, epilogue: str
) -> nn.Conv2d:
    """Return a module that convolves as another does, with other weights, and an epilogue.

    In evaluation mode, and without gradients for its parameters.
    """
    kind = nn.Conv2d if epilogue == NONE else FusedConv2d
    fused = kind(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]  # as long as it has dimensions
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
        conv.dilation,  # type: ignore[arg-type]
        conv.groups,
        bias=bias is not None,
        padding_mode=conv.padding_mode,
        device="meta",
    )
    fused.weight = nn.Parameter(weight, requires_grad=False)
    fused.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
    if isinstance(fused, FusedConv2d):
        fused.epilogue = epilogue
    return fused.eval()
