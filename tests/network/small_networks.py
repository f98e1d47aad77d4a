"""Networks as small as a test wants them, in a module that other processes can import."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Small(nn.Module):
    """Two convolutions that rows compute, and what stands around them in networks."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.deep = nn.Conv2d(channels, channels, 3, padding=1)
        self.head = nn.Linear(channels, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.stem(x)).relu()
        return self.head(self.deep(x).mean((2, 3)))


class Flattening(nn.Module):
    """Takes it for granted that activations are contiguous."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x.view(x.shape[0], -1)


class Shared(nn.Module):
    """One convolution that is called with two shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.again = self.conv

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.again(F.max_pool2d(self.conv(x), 2))


class Functional(nn.Module):
    """A convolution that no module stands for."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4, 3, 3))
        self.conv = nn.Conv2d(4, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(self.conv(x), self.weight)


class LeftOn(nn.Module):
    """Dropout that evaluation mode does not turn off."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(self.conv(x), training=True)


class Drifting(nn.Module):
    """Writes its own weight whenever it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.conv.weight.data.mul_(1.01)
        return self.conv(x)


class Silent(nn.Module):
    """Returns no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> str:
        return f"mean {self.conv(x).mean():.2f}"
