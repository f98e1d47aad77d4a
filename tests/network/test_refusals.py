"""What cannot be quickened is named with its reason, and left alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from suite.errors import UsageError
from suite.network import quicken, why_not


class OwnForward(nn.Conv2d):
    def forward(self, x):
        return 2 * super().forward(x)


class OwnConvForward(nn.Conv2d):
    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight - weight.mean(), bias)


def conv() -> nn.Conv2d:
    return nn.Conv2d(4, 4, 3)


def patched() -> nn.Conv2d:
    module = conv()
    module.forward = lambda x: x
    return module


def with_old_weight_norm() -> nn.Conv2d:
    with pytest.warns(FutureWarning):
        return nn.utils.weight_norm(conv())


def with_weight(change) -> nn.Conv2d:
    module = conv()
    module.weight = change(module.weight.detach())
    return module


def made_in_inference_mode() -> nn.Conv2d:
    with torch.inference_mode():
        return nn.Conv2d(4, 4, 3)


class Kind(nn.Parameter):
    pass


REFUSED = {
    "Linear is no convolution": lambda: nn.Linear(2, 2),
    "ConvTranspose2d is another": lambda: nn.ConvTranspose2d(2, 2, 3),
    "Conv1d is another": lambda: nn.Conv1d(2, 2, 3),
    "Conv3d is another": lambda: nn.Conv3d(2, 2, 3),
    "lazy": lambda: nn.LazyConv2d(4, 3),
    "OwnForward has a forward of its own": lambda: OwnForward(4, 4, 3),
    "OwnConvForward has a _conv_forward of its own": lambda: OwnConvForward(4, 4, 3),
    "Conv2d has a forward of its own": patched,
    "weight_norm": with_old_weight_norm,
    "a parametrisation": lambda: parametrizations.weight_norm(conv()),
    "parametrisation": lambda: parametrizations.spectral_norm(conv()),
    "spectral_norm": lambda: nn.utils.spectral_norm(conv()),
    "pruning": lambda: prune.l1_unstructured(conv(), "weight", 0.5),
    "torch.bfloat16": lambda: conv().bfloat16(),
    "torch.complex64": lambda: conv().to(torch.complex64),
    "on meta": lambda: nn.Conv2d(4, 4, 3, device="meta"),
    "a Kind, no plain parameter": lambda: with_weight(Kind),
    "in no memory format": lambda: with_weight(lambda w: nn.Parameter(w.transpose(2, 3))),
    "inference mode": made_in_inference_mode,
}


@pytest.mark.filterwarnings("ignore:Complex modules are a new feature")
@pytest.mark.filterwarnings("ignore:.*spectral_norm:FutureWarning")
@pytest.mark.parametrize(("reason", "make"), REFUSED.items(), ids=REFUSED)
def test_the_reason_is_named_and_the_module_left_alone(reason, make):
    module = make()
    kind = type(module)
    assert reason in (why_not(module) or "")
    with pytest.raises(UsageError, match=kind.__name__):
        quicken(module, [])
    assert type(module) is kind


@pytest.mark.filterwarnings("ignore:torch.ao.quantization", "ignore:torch.quantize_per_tensor")
def test_quantised_modules_are_named_as_such():
    from torch.ao.nn import quantized

    module = quantized.Conv2d(4, 4, 3)
    assert why_not(module) == "it is quantised"


@pytest.mark.parametrize(
    "module",
    [
        conv(),
        conv().double(),
        conv().to(memory_format=torch.channels_last),
        nn.Conv2d(4, 4, 2, padding="same", padding_mode="circular", bias=False),
        conv().requires_grad_(False),
    ],
    ids=str,
)
def test_plain_convolutions_can_be_quickened_and_quickened_again(module):
    assert why_not(module) is None
    quicken(module, [])
    assert why_not(module) is None
    quicken(module, [])


def test_a_lazy_convolution_is_a_plain_one_once_it_knows_its_sizes():
    module = nn.LazyConv2d(4, 3)
    module(torch.randn(1, 2, 5, 5))
    assert why_not(module) is None
