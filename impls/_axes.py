"""Rows of two axes for problems of one and of three.

A sequence is an image of one row. A volume is a sum over the kernel's depth: each plane of the
kernel meets a run of slices, all of them one batch of images.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import torch

from impls._arguments import add_bias
from impls._packing import Packing
from suite import Problem
from suite.phases import PACK, UNPACK

Row = Callable[..., torch.Tensor]


@functools.lru_cache(maxsize=256)
def as_plane(problem: Problem) -> Problem:
    """Return a problem of one axis as one of two, of which the first has size 1."""
    return dataclasses.replace(problem, kind="conv2d")


def of_plane(formula: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Return a formula, or a reason, of a row of two axes for problems of one."""
    if formula is None:
        return None
    return lambda problem, *more: formula(as_plane(problem), *more)


def along_a_row(convolve: Row, packing: Packing) -> tuple[Row, Packing]:
    """Return a row of two axes for one axis, and how it packs its weight."""

    def pack(weight: torch.Tensor, problem: Problem) -> Any:
        return packing.prepare(weight.unsqueeze(2), as_plane(problem))

    own = Packing(
        packing.row,
        pack,
        lambda problem: packing.why_not(as_plane(problem)),
        packing.why_not_plain,
        packing.keeps_threads,
    )

    def along(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        packed = own.of_call(input, weight, bias, stride, padding, dilation, groups)
        inner = packed.content
        return convolve(input.unsqueeze(2), inner, bias, *inner.arguments[:4]).squeeze(2)

    along.__doc__ = convolve.__doc__
    return along, own


@functools.lru_cache(maxsize=256)
def slices_of(problem: Problem) -> Problem:
    """Return the convolution of a run of slices by one plane of a kernel of three axes."""
    return dataclasses.replace(
        problem,
        kind="conv2d",
        batch_size=problem.batch_size * problem.out_d,
        depth=1,
        kernel_d=1,
        stride_d=1,
        dilation_d=1,
        pad_front=0,
        pad_back=0,
        bias=False,
    )


def of_slices(formula: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Return a reason of a row of two axes for problems of three."""
    if formula is None:
        return None
    return lambda problem, *more: formula(slices_of(problem), *more)


def slices_bytes(
    formula: Callable[[Problem, int], float], problem: Problem, itemsize: int
) -> float:
    """Return the extra memory of a sum over planes: slices in, products, and the row's own."""
    slices = slices_of(problem)
    run = (
        problem.batch_size * problem.in_channels * problem.padded_d * problem.height * problem.width
    )
    copies = run + slices.input_elements + 2 * slices.output_elements
    return formula(slices, itemsize) + itemsize * copies


def over_depth(convolve: Row, packing: Packing) -> tuple[Row, Packing]:
    """Return a row of two axes for three: a sum over the planes of the kernel."""

    def pack(weight: torch.Tensor, problem: Problem) -> list[Any]:
        planes = weight.detach().unbind(2)
        return [packing.prepare(plane.contiguous(), slices_of(problem)) for plane in planes]

    own = Packing(
        packing.row,
        pack,
        lambda problem: packing.why_not(slices_of(problem)),
        packing.why_not_plain,
        packing.keeps_threads,
    )

    def summed(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        packed = own.of_call(input, weight, bias, stride, padding, dilation, groups)
        problem = packed.problem
        n, k, d, p, q = problem.output_shape
        with PACK:
            # (N, slices, C, H, W), with the zeros before and after.
            slices = input.new_zeros(
                n, problem.padded_d, problem.in_channels, problem.height, problem.width
            )
            inner = slice(problem.pad_front, problem.pad_front + problem.depth)
            slices[:, inner] = input.detach().transpose(1, 2)
        total = None
        for number, plane in enumerate(packed.content):
            first = number * problem.dilation_d
            last = first + (d - 1) * problem.stride_d + 1
            run = slices[:, first : last : problem.stride_d].flatten(0, 1)
            products = convolve(run, plane, None, *plane.arguments[:4])
            total = products if total is None else total.add_(products)
        with UNPACK:
            assert total is not None
            y = total.view(n, d, k, p, q).transpose(1, 2).contiguous()
            return add_bias(y, None if bias is None else bias.detach())

    summed.__doc__ = convolve.__doc__
    return summed, own
