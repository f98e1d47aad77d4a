"""What a user gets without this suite: torch's own dispatch, and cuDNN by name."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from impls._arguments import add_bias, pair
from suite import register


@register("torch", family="vendor", nan_policy="tile")
def torch_dispatch(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """F.conv2d as torch dispatches it: oneDNN, cuDNN, or its own loops. The reference row.

    Which engine answers depends on sizes, dtype, layout and thread count
    (`aten/src/ATen/native/Convolution.cpp`, `_select_conv_backend`), so this row may change
    engine inside one grid. Extra memory is the engine's own business.
    """
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


def _why_no_cudnn() -> str | None:
    if not torch.cuda.is_available():
        return "needs an NVIDIA GPU and a torch built for CUDA"
    if not torch.backends.cudnn.is_available():
        return "this torch was built without cuDNN"
    return None


@register("cudnn", family="vendor", devices=("cuda",), nan_policy="tile", available=_why_no_cudnn)
def cudnn(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """cuDNN by name, its heuristic's choice, in the tensors' own precision (no TF32).

    torch adds the bias in a second kernel, as eager F.conv2d does too.
    """
    output = torch.ops.aten.cudnn_convolution(
        input,
        weight,
        pair(padding),
        pair(stride),
        pair(dilation),
        groups,
        False,  # benchmark
        False,  # deterministic
        False,  # allow_tf32
    )
    return add_bias(output, bias)
