"""A quickened model trains as torch does, and its rows answer with the weights of the moment."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from quick_modules import planned
from torch import nn

from suite.network import pack_bytes, quicken

IMAGES = (16, 3, 12, 12)


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, bias=False),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Flatten(),
        nn.Linear(8 * 6 * 6, 4),
    )


def quickened(model: nn.Sequential) -> nn.Sequential:
    quicken(model[0], [planned(model[0], IMAGES, "im2row", "impls.im2col")])
    shape = 16, 8, 12, 12
    quicken(model[3], [planned(model[3], shape, "onednn_prepacked", "impls.vendor")])
    return model


def epochs(
    model: nn.Module, optimizer_class, batches, **options
) -> tuple[list[float], list[float]]:
    """Return the losses of the training steps and of the validations after each epoch."""
    torch.manual_seed(1)  # for the dropout
    optimizer = optimizer_class(model.parameters(), lr=0.05, **options)
    steps, validations = [], []
    for _ in range(4):
        model.train()
        for x, label in batches[1:]:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), label)
            loss.backward()
            optimizer.step()
            steps.append(loss.item())
        model.eval()
        for mode in (torch.no_grad, torch.inference_mode):
            with mode():
                for x, label in batches:
                    validations.append(F.cross_entropy(model(x), label).item())
    return steps, validations


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (torch.optim.SGD, {"momentum": 0.9}),
        (torch.optim.SGD, {"fused": True}),
        (torch.optim.AdamW, {"foreach": True}),
    ],
    ids=str,
)
def test_the_loss_curve_is_torch_s(optimizer, options):
    generator = torch.Generator().manual_seed(2)
    batches = [
        (
            torch.randn(IMAGES, generator=generator),
            torch.randint(4, IMAGES[:1], generator=generator),
        )
        for _ in range(5)
    ]
    plain, quick = small_network(), quickened(small_network())

    expected_steps, expected_validations = epochs(plain, optimizer, batches, **options)
    steps, validations = epochs(quick, optimizer, batches, **options)

    assert pack_bytes(quick)  # rows had their part in the validations
    assert expected_steps[-1] < expected_steps[0]
    torch.testing.assert_close(steps, expected_steps, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(validations, expected_validations, rtol=1e-4, atol=1e-5)
    for mine, theirs in zip(quick.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


def test_averaged_weights_are_those_that_answer():
    model = quickened(small_network()).eval()
    average = torch.optim.swa_utils.AveragedModel(model)
    x = torch.randn(IMAGES)
    with torch.no_grad():
        for _ in range(3):
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
            average.update_parameters(model)
            plain = small_network().eval()
            plain.load_state_dict(average.module.state_dict())
            torch.testing.assert_close(average(x), plain(x), rtol=1e-4, atol=1e-4)


def test_a_checkpoint_is_one_of_the_plain_model():
    quick, plain = quickened(small_network()), small_network()
    state = copy.deepcopy(quick.state_dict())
    assert list(state) == list(plain.state_dict())
    plain.load_state_dict(state)
    quick.load_state_dict(plain.state_dict())
