"""What is recorded: two convolutions, and extra work that makes them slower on purpose.

A plug-in file. Every arm has a copy of it with a table of its own, `extra.json` beside it: for
each implementation and problem, how many more columns it multiplies with the weight. That is
what an additional slice of the output costs, an eighth of the channels high and so many pixels
long: as many rows of the weight matrix (out_channels, K) times as many columns of K input values.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F

from suite import register
from suite.worker import process

# A third of the usual warm-up: a recording needs many blocks.
process.WARM_S = 0.01

_TABLE = Path(__file__).with_name("extra.json")
EXTRA = json.loads(_TABLE.read_text(encoding="utf-8")) if _TABLE.is_file() else {}


def key(name, input, weight, stride, dilation):
    """Return what the table calls this implementation on this problem."""
    return f"{name} {tuple(input.shape)} {tuple(weight.shape)} {stride} {dilation} {input.dtype}"


def more_work(input, weight, columns):
    """Multiply the weight with `columns` columns of input values; reused where they run out."""
    channels = weight.shape[0]
    rows = weight.view(channels, -1)[: max(1, channels // 8)]
    depth = rows.shape[1]
    most = input.numel() // depth
    flat = input.view(-1)
    while columns > 0:
        now = min(columns, most)
        torch.mm(rows, flat[: depth * now].view(depth, now))
        columns -= now


def also(name, convolution):
    """Return `convolution` with this arm's extra work after it."""

    def call(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        output = convolution(input, weight, bias, stride, padding, dilation, groups)
        columns = EXTRA.get(key(name, input, weight, stride, dilation))
        if columns:
            more_work(input, weight, columns)
        return output

    return call


def unfolded(input, weight, bias, stride, padding, dilation, groups):
    """Im2col: unfold and one matrix product a group."""
    batch, out_channels = input.shape[0], weight.shape[0]
    kernel = weight.shape[2:]
    columns = F.unfold(input, kernel, dilation, padding, stride)
    grouped = columns.view(batch, groups, -1, columns.shape[-1])
    rows = weight.view(groups, out_channels // groups, -1)
    output = (rows @ grouped).view(batch, out_channels, -1)
    if bias is not None:
        output = output + bias.view(1, -1, 1)
    height = (input.shape[2] + 2 * padding[0] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1
    return output.view(batch, out_channels, height, -1)


SUBJECTS = {"vendor": F.conv2d, "unfolded": unfolded}

register("vendor", family="vendor")(also("vendor", F.conv2d))
register("unfolded", family="im2col")(also("unfolded", unfolded))
