"""Models that convolve in unusual ways, or not at all, or fail."""

from __future__ import annotations

import ctypes
import sys
import time
import urllib.request

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

SETTINGS = {"width": 3}


class Unusual(nn.Module):
    """Every way to pad, one module at two sizes, made weights, and what is no 2-D convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(4, 4, 4, padding="same")
        self.dilated = nn.Conv2d(4, 4, (3, 2), padding="same", dilation=(1, 3), groups=2)
        self.valid = nn.Conv2d(4, 4, 3, padding="valid", bias=False)
        self.circular = nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")
        self.shared = nn.Conv2d(4, 4, 1)
        self.normed = weight_norm(nn.Conv2d(4, 6, 3, stride=2))
        self.kernel = nn.Parameter(torch.ones(2, 4, 5, 1))
        self.up = nn.ConvTranspose2d(4, 4, 2)
        self.line = nn.Conv1d(4, 4, 3)
        self.cube = nn.Conv3d(4, 4, 3)

    def forward(self, x: torch.Tensor) -> None:
        self.same(x)
        self.dilated(x)
        self.valid(x)
        self.circular(x)
        self.shared(x)
        self.shared(x[:, :, :6, :5])
        self.normed(x)
        F.conv2d(x, self.kernel, padding=(2, 0))
        F.conv2d(x[0], torch.ones(4, 1, 3, 3), groups=4)  # no batch
        torch.conv2d(input=x.to(memory_format=torch.channels_last), weight=torch.ones(1, 4, 2, 2))
        self.up(x)
        self.up(x)
        self.line(x[:, :, 0])
        self.cube(x[:, :, None].expand(-1, -1, 3, -1, -1))
        F.conv2d(x.to(torch.complex64), torch.ones(1, 4, 1, 1, dtype=torch.complex64))


class Words(nn.Module):
    """Takes integers, and an image in the model's own dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.conv = nn.Conv2d(4, 4, (1, 3), padding=(0, 1))

    def forward(self, words: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        x = self.embed(words).transpose(1, 2)[:, :, None]
        return self.conv(x).mean() + self.conv(image).mean()


def plain(x: torch.Tensor) -> torch.Tensor:
    """A function that is the model itself."""
    return F.conv2d(x, torch.ones(2, x.shape[1], 3, 3, dtype=x.dtype))


class Fields(nn.Module):
    """Takes a dict and a keyword argument that has no default."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3)

    def forward(self, batch: dict[str, torch.Tensor], *, mask: torch.Tensor) -> torch.Tensor:
        return self.conv(batch["image"]) * mask


class Named(nn.Module):
    """Takes a dict by name."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3)

    def forward(self, *, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.conv(batch["image"]) + batch["bias"]


def half() -> nn.Module:
    return nn.Sequential(nn.Conv2d(4, 6, 3)).bfloat16()


def complex_numbers() -> nn.Module:
    return nn.Conv2d(4, 6, 3, dtype=torch.complex64)


def exported() -> nn.Module:
    program = torch.export.export(
        nn.Sequential(nn.Conv2d(4, 6, 3)).eval(), (torch.ones(2, 4, 9, 9),)
    )
    return program.module()


def program() -> object:
    return torch.export.export(nn.Sequential(nn.Conv2d(4, 6, 3)).eval(), (torch.ones(2, 4, 9, 9),))


def linear() -> nn.Module:
    return nn.Linear(4, 4)


def needs(width: int, depth: int) -> nn.Module:
    return nn.Identity()


def number() -> int:
    return 3


def fails() -> nn.Module:
    raise RuntimeError("no such checkpoint")


def leaves() -> nn.Module:
    sys.exit(0)


def crashes() -> nn.Module:
    ctypes.string_at(0)
    raise AssertionError


def hangs() -> nn.Module:
    time.sleep(60)
    raise AssertionError


def downloads() -> nn.Module:
    urllib.request.urlopen("https://example.com/weights.pt")
    raise AssertionError


def wrapped():
    """A function around a module: what its layers are called is known all the same."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 1))
    return lambda x: net(x) + 1


def wrapped_twice():
    first, second = nn.Conv2d(3, 4, 3), nn.Sequential(nn.Conv2d(4, 4, 1))

    def forward(x: torch.Tensor) -> torch.Tensor:
        return second(first(x))

    return forward
