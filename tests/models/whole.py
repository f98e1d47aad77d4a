"""Small networks to be measured as a whole, and some that cannot be."""

from __future__ import annotations

import os

import torch
import torch.nn.functional as F
from torch import nn


class Whole(nn.Module):
    """Dropout, a bias before a batch norm, and two outputs in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.5)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.third = nn.Conv2d(8, 4, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = F.relu(self.norm(self.first(x)))
        x = self.drop(F.relu(self.second(x)))
        return {"classes": self.third(x).mean((2, 3)), "map": x}


def build() -> nn.Module:
    return Whole()


class Words(nn.Module):
    """Numbers by position, words by keyword, both in dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.embed = nn.Embedding(10, 4)

    def forward(self, image: dict[str, torch.Tensor], words: torch.Tensor) -> torch.Tensor:
        return self.conv(image["pixels"]).mean((2, 3)) + self.embed(words).mean(1)


def raises() -> nn.Module:
    class Raises(Whole):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            raise RuntimeError("on purpose")  # this line

    return Raises()


def noisy() -> nn.Module:
    class Noisy(Whole):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {name: y + torch.rand(()) for name, y in super().forward(x).items()}

    return Noisy()


def other_weights() -> nn.Module:
    model = Whole()
    with torch.no_grad():
        model.first.weight.add_(int.from_bytes(os.urandom(4)) / 2**32)
    return model


def dropout_by_function() -> nn.Module:
    class Drops(Whole):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {n: F.dropout(y, training=self.training) for n, y in super().forward(x).items()}

    return Drops()


def no_numbers() -> nn.Module:
    class Counts(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.argmax(1)

    return Counts()
