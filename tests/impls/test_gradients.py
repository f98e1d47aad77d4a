"""Implementations made of torch operations are differentiable; the compiled ones say that not."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from oracle import implementations

DIFFERENTIABLE = (
    "torch",
    "torch_channels_last",
    "loops",
    "unfold",
    "im2row",
    "mec",
    "fft",
    "kn2row",
    "winograd_2x2",
    "winograd_4x4",
    "gemm_1x1",
    "gemm_patches",
)
SHAPES = {"gemm_1x1": (1, 1, 0), "gemm_patches": (2, 2, 0)}  # kernel, stride, padding
BY_NAME = {entry.name: entry for entry in implementations()}


@pytest.mark.parametrize("name", ["fft_packed", "fft_tiled"])
def test_what_gives_no_gradient_of_its_input_gives_none_of_its_bias(name):
    """Half a gradient would pass for a whole one."""
    x, w = torch.ones(1, 2, 9, 9), torch.ones(3, 2, 3, 3)
    operands = (tensor.requires_grad_() for tensor in (x, w, torch.ones(3)))
    assert BY_NAME[name].function(*operands).grad_fn is None


def test_aten_slow2d_differentiates_inputs_of_any_strides():
    x = torch.randn(2, 3, 9, 7).transpose(2, 3)
    g = torch.randn(2, 5, 7, 9)

    def gradient(function):
        w = torch.ones(5, 3, 3, 3, requires_grad=True)
        return torch.autograd.grad((function(x, w, None, 1, 1) * g).sum(), w)[0]

    torch.testing.assert_close(gradient(BY_NAME["aten_slow2d"].function), gradient(F.conv2d))


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
