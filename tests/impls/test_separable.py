"""Rank and error of separable kernels."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from impls.separable import describe, factorise, separable, separable_volume
from suite.problem import Problem


def test_a_gaussian_has_rank_one():
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0])
    weight = torch.outer(line, line).view(1, 1, 5, 5) / 256
    problem = Problem.of_call((1, 1, 9, 9), (1, 1, 5, 5))
    factors = factorise(weight, problem)
    assert factors.rank == 1
    assert factors.relative_error < 1e-7
    assert describe(weight, problem).startswith("rank 1 of at most 5")


def test_float64_kernels_keep_what_float32_would_round_away():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(1, 1, 5, 1, generator=generator, dtype=torch.float64)
    weight = weight @ torch.randn(1, 1, 1, 5, generator=generator, dtype=torch.float64)
    problem = Problem.of_call((1, 1, 9, 9), (1, 1, 5, 5))
    assert factorise(weight, problem).rank == 1
    weight[0, 0, 2, 3] += 1e-9
    assert factorise(weight, problem).rank == 2
    assert factorise(weight.float(), problem).rank == 1


def test_nan_in_the_weight_reaches_its_output_channel_and_no_other():
    weight = torch.ones(3, 2, 3, 3)
    weight[1, 0, 2, 1] = float("nan")
    output = separable(torch.ones(1, 2, 5, 5), weight)
    assert output[0, 1].isnan().all()
    assert (output[0, [0, 2]] == 18).all()


def test_random_kernels_keep_their_full_rank():
    weight = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    assert factorise(weight, Problem.of_call((1, 2, 9, 9), (4, 2, 3, 3))).rank == 6


def test_a_kernel_of_space_and_time_has_the_rank_of_the_channels_between_its_passes():
    generator = torch.Generator().manual_seed(0)
    space = torch.randn(5, 4, 1, 3, 3, generator=generator, dtype=torch.float64)
    time = torch.randn(6, 5, 3, 1, 1, generator=generator, dtype=torch.float64)
    weight = torch.einsum("lcars,kltbd->kctrs", space, time)
    x = torch.randn(2, 4, 6, 7, 8, generator=generator, dtype=torch.float64)
    settings = (2, 1, 1), (1, 1, 1), (1, 1, 1)
    problem = Problem.of_call(tuple(x.shape), tuple(weight.shape), stride=settings[0], padding=1)
    assert describe(weight, problem).startswith("rank 5 of at most 18")
    expected = F.conv3d(x, weight, None, *settings)
    assert torch.allclose(separable_volume(x, weight, None, *settings), expected)
