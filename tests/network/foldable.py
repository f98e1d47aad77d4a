"""Networks that fold, and such as must not, in a module that other processes can import."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn


class Residual(nn.Module):
    """Two convolutions with batch norms, activations and a sum, and a head."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(channels, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(x))
        y += x
        return self.head(self.relu(y).mean((2, 3)))


class Two(nn.Module):
    """Two convolutions, two batch norms, and whatever is made of them."""

    def __init__(self, compute: Callable[..., torch.Tensor], **norm: object) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.other = nn.Conv2d(4, 4, 1)
        self.bn = nn.BatchNorm2d(4, **norm)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.5)
        self.compute = compute

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.compute(self, x)


def by_value(net: Two, x: torch.Tensor) -> torch.Tensor:
    """Let values decide what is computed: there is no graph of that."""
    return F.relu(net.conv(x)) if x.sum() > 0 else net.other(x)


class Partly(nn.Module):
    """A network without a graph, of which a part has one."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.SiLU())
        self.list = nn.ModuleList([nn.Conv2d(4, 4, 1), nn.ReLU()])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        if x.isnan().any():
            raise ValueError("not a number")
        for part in self.list:
            x = part(x)
        return x.mean((2, 3))


class Masked(nn.Module):
    """Takes what no tensor is, and what may be left out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None, flat: bool = False):
        x = F.relu(self.conv(x))
        if mask is not None:
            x = x * mask
        return x.flatten(1) if flat else x


def with_statistics(model: nn.Module, seed: int = 0) -> nn.Module:
    """Return a network in evaluation mode whose batch norms have seen something."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -1, 1),
                (module.running_var, 0.2, 3),
                (module.weight, 0.5, 1.5),
                (module.bias, -1, 1),
            ):
                if tensor is not None:
                    tensor.data.uniform_(low, high, generator=generator)
    return model.eval()


class ByShape(nn.Module):
    """A network whose code depends on shapes, so that torch.fx has no graph of the whole."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(channels, 4)
        self.register_buffer("scale", torch.linspace(1, 2, channels).view(-1, 1, 1))

    def forward(self, x: torch.Tensor, y: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        if x.shape[-1] != x.shape[-2]:
            raise ValueError("not square")
        if x.shape[-1] % 4:
            x = F.pad(x, (0, 4 - x.shape[-1] % 4))
        x = F.relu6(self.bn(self.stem(x)))
        z = self.norm(self.conv(x))
        z += x
        z = self.relu(z) * self.scale
        classes = self.head(self.drop(F.adaptive_avg_pool2d(z, 1).flatten(1)))
        return {"classes": classes if y is None else classes + y, "planes": z}
