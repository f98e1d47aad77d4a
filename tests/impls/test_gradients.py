"""Implementations made of torch operations are differentiable; the compiled ones say that not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from oracle import implementations

DIFFERENTIABLE = (
    *("torch", "torch_channels_last", "loops", "unfold", "im2row", "mec", "fft", "kn2row"),
    *("winograd_2x2", "winograd_4x4", "gemm_1x1", "gemm_patches"),
)
SHAPES = {"gemm_1x1": (1, 1, 0), "gemm_patches": (2, 2, 0)}  # kernel, stride, padding
BY_NAME = {entry.name: entry for entry in implementations()}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_equal_torch_s_own(name):
    kernel, stride, padding = SHAPES.get(name, (3, 1, 1))
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64, generator=generator)
    w = torch.randn(4, 4, kernel, kernel, dtype=torch.float64, generator=generator)
    b = torch.randn(4, dtype=torch.float64, generator=generator)

    def gradients(function):
        leaves = [tensor.clone().requires_grad_() for tensor in (x, w, b)]
        y = function(*leaves, (stride, stride), (padding, padding), (1, 1), 1)
        return torch.autograd.grad((y * y.detach().cos()).sum(), leaves)

    for mine, expected in zip(gradients(BY_NAME[name].function), gradients(F.conv2d), strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-9, atol=1e-9)
