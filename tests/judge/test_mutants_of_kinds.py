"""Mistakes of other kinds than conv2d are refused, each by some edge shape of the kind."""

from __future__ import annotations

import inspect
import itertools

import pytest
import torch
import torch.nn.functional as F

from suite.registry.implementation import Implementation
from suite.scenario.files import find_file, load_file
from tests.studies.mutants.judging import refusals


def conv(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The definition, a tap at a time, over any number of axes."""
    kernel = weight.shape[2:]
    x = F.pad(input, [size for size in reversed(padding) for _ in range(2)])
    covered = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = zip(x.shape[2:], covered, stride, strict=True)
    out = [(size - over) // step + 1 for size, over, step in sizes]
    y = 0
    for tap in itertools.product(*map(range, kernel)):
        starts = [t * d for t, d in zip(tap, dilation, strict=True)]
        axes = zip(starts, out, stride, strict=True)
        places = tuple(slice(at, at + (o - 1) * step + 1, step) for at, o, step in axes)
        window = x[(slice(None), slice(None), *places)].unflatten(1, (groups, -1))
        factor = weight[(slice(None), slice(None), *tap)].unflatten(0, (groups, -1))
        y = y + torch.einsum("ngc...,gkc->ngk...", window, factor)
    y = y.flatten(1, 2)
    return y if bias is None else y + bias.view(1, -1, *(1 for _ in kernel))


def transposed(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The definition, a tap at a time, over any number of axes."""
    kernel = weight.shape[2:]
    axes = zip(input.shape[2:], stride, kernel, dilation, output_padding, strict=True)
    whole = [(size - 1) * s + (k - 1) * d + 1 + more for size, s, k, d, more in axes]
    y = input.new_zeros(input.shape[0], groups, weight.shape[1], *whole)
    x = input.unflatten(1, (groups, -1))
    for tap in itertools.product(*map(range, kernel)):
        starts = [t * d for t, d in zip(tap, dilation, strict=True)]
        axes = zip(starts, input.shape[2:], stride, strict=True)
        places = tuple(slice(at, at + (o - 1) * step + 1, step) for at, o, step in axes)
        factor = weight[(slice(None), slice(None), *tap)].unflatten(0, (groups, -1))
        y[(..., *places)] += torch.einsum("ngc...,gck->ngk...", x, factor)
    y = y.flatten(1, 2)
    sizes = zip(whole, padding, strict=True)
    y = y[(..., *(slice(pad, size - pad) for size, pad in sizes))].contiguous()
    return y if bias is None else y + bias.view(1, -1, *(1 for _ in kernel))


OF_BOTH = {
    "the kernel is flipped": ("*tap)]", "*(k - 1 - t for k, t in zip(kernel, tap)))]"),
    "the last tap is skipped": (
        "itertools.product(*map(range, kernel))",
        "list(itertools.product(*map(range, kernel)))[: max(1, weight[0, 0].numel() - 1)]",
    ),
    "dilation is ignored": ("starts = [t * d for", "starts = [t for"),
    "strides are one where they are two": (
        "axes = zip(starts, ",
        "stride = [1 if s == 2 else s for s in stride]\n        axes = zip(starts, ",
    ),
    "the bias is forgotten": ("y if bias is None else y +", "y if True else y +"),
    "the bias is added to one channel": ("y + bias.view", "y + bias[:1].expand_as(bias).view"),
    "groups take every other channel": (
        "*tap)].unflatten(0, (groups, -1))",
        "*tap)].unflatten(0, (-1, groups)).transpose(0, 1)",
    ),
    "one group alone is computed": (
        "(groups, -1))\n        y",
        "(groups, -1)) * (groups < 2)\n        y",
    ),
}
OF_CONVOLUTIONS = {
    **OF_BOTH,
    "padding is forgotten on the far side": (
        "x = F.pad(input, [size for size in reversed(padding) for _ in range(2)])",
        "x = F.pad(input, [size * side for size in reversed(padding) for side in (1, 0)])",
    ),
    "zeros stand on the other side": (
        "    covered =",
        "    x = x.roll(-1, -1)\n    covered =",
    ),
    "an output too few": ("// step + 1 for", "// step + (size == over) for"),
}
OF_AXES = {
    "strides are exchanged": ("kernel = weight", "stride = stride[::-1]\n    kernel = weight"),
    "dilations are exchanged": (
        "kernel = weight",
        "dilation = dilation[::-1]\n    kernel = weight",
    ),
    "paddings are exchanged": ("kernel = weight", "padding = padding[::-1]\n    kernel = weight"),
}
OF_TRANSPOSED = {
    **OF_BOTH,
    "output_padding is ignored": ("+ 1 + more for", "+ 1 for"),
    "output_padding stands at the beginning": (
        "starts = [t * d for t, d in zip(tap, dilation, strict=True)]",
        "starts = [t * d + m for t, d, m in zip(tap, dilation, output_padding, strict=True)]",
    ),
    "padding is cut off one side alone": ("slice(pad, size - pad)", "slice(0, size - 2 * pad)"),
    "the weight's channels are those of a convolution": (
        '"ngc...,gck->ngk...", x, factor',
        '"ngc...,gck->ngk...", x, factor.transpose(1, 2) if factor.shape[1] == factor.shape[2] '
        "else factor",
    ),
}


def rows(function, mistakes, kind) -> list[Implementation]:
    """Return a function and what becomes of it with each mistake, registered nowhere."""
    base = inspect.getsource(function)
    texts = {"base": base}
    for name, (own, changed) in mistakes.items():
        assert own in base, name
        texts[name] = base.replace(own, changed)
    made = []
    for name, text in texts.items():
        scope = {"itertools": itertools, "torch": torch, "F": F}
        exec(compile(text, name, "exec"), scope)
        made.append(
            Implementation(
                name=name,
                family="direct",
                source=name,
                function=scope[function.__name__],
                devices=("cpu",),
                kinds=(kind,),
            )
        )
    return made


@pytest.mark.parametrize(
    ("kind", "file", "function", "mistakes"),
    [
        ("conv1d", "edge_shapes_1d", conv, OF_CONVOLUTIONS),
        ("conv3d", "edge_shapes_3d", conv, {**OF_CONVOLUTIONS, **OF_AXES}),
        ("conv_transpose1d", "edge_shapes_transposed", transposed, OF_TRANSPOSED),
        ("conv_transpose2d", "edge_shapes_transposed", transposed, {**OF_TRANSPOSED, **OF_AXES}),
    ],
)
def test_every_mistake_is_refused_and_what_is_right_is_not(kind, file, function, mistakes):
    shapes = [s for s in load_file(find_file(file)).scenarios if s.problem.kind == kind]
    refused = refusals(rows(function, mistakes, kind), right="base", scenarios=shapes)
    assert refused.get("base") is None
    assert [name for name in mistakes if name not in refused] == []
