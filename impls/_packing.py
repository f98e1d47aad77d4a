"""The packing protocol: what `prepare=` returns, and how a row takes it in a call.

A row that packs makes one `Packing` of a function `pack(weight, problem)`, whose result is the
row's own business, and registers `prepare=packing.prepare`. The row begins with

    packed = packing.of_call(input, weight, bias, stride, padding, dilation, groups)

and reads `packed.content` and `packed.problem`; a transposed one adds its output_padding. It may be
called in two ways:

- with a packed weight in the weight's place, which says what it was packed for and refuses every
  other call: another row, another shape or type, another stride, padding, dilation or groups, and
  where that matters another number of threads. Compiled code would read past the end of what it
  was not packed for, or answer with another problem's result;
- with the plain weight, which is then packed in the call and at its cost, or refused where packing
  takes too long for that.

Either memory format of the input is taken. A row whose code wants one of them copies the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from impls._arguments import problem_of
from suite import Problem, Unsupported
from suite.kinds import Sizes, each_axis
from suite.phases import PACK


@dataclass(frozen=True, slots=True)
class Packed:
    """A weight as a row reads it, and what it was packed for."""

    row: str
    """Name of the row that packed it."""
    content: Any
    """What the row's `pack` returned."""
    problem: Problem
    """What its calls solve."""
    dtype: torch.dtype
    """The type of its elements, and of every operand."""
    epilogue: str
    """What it was packed to be followed by."""
    threads: int | None
    """torch's number of threads that it was packed for; None where any will do."""
    # What every call is compared with; to ask the problem for it would take longer.
    input_shape: tuple[int, ...]
    """(N, C, …)"""
    bias_shape: tuple[int, ...]
    """(K)"""
    residual_shape: tuple[int, ...] | None
    """(N, K, …) where a residual is added."""
    arguments: tuple[Sizes, Sizes, Sizes, int]
    """(stride, padding, dilation, groups)"""
    output_padding: Sizes | None
    """None where it is no transposed convolution."""


@dataclass(frozen=True)
class Packing:
    """How a row packs its weight."""

    row: str
    """The row's name."""
    pack: Callable[[torch.Tensor, Problem], Any]
    """Returns what the row reads in place of the weight."""
    why_not: Callable[[Problem], str | None] = lambda _: None
    """Returns why a problem is not covered; asked before a plain weight is packed."""
    why_not_plain: str = ""
    """Why a plain weight is refused; empty where it is packed in the call."""
    keeps_threads: bool = False
    """Whether packing settles the number of threads."""

    def prepare(self, weight: torch.Tensor, problem: Problem) -> Packed:
        """Return the weight packed for calls that solve this problem."""
        return Packed(
            row=self.row,
            content=self.pack(weight, problem),
            problem=problem,
            dtype=weight.dtype,
            epilogue=problem.epilogue,
            threads=torch.get_num_threads() if self.keeps_threads else None,
            input_shape=problem.input_shape,
            bias_shape=(problem.out_channels,),
            residual_shape=problem.output_shape if problem.residual_elements else None,
            arguments=(problem.stride, problem.padding, problem.dilation, problem.groups),
            output_padding=problem.output_padding if problem.is_transposed else None,
        )

    def of_call(
        self,
        input,
        weight,
        bias,
        stride,
        padding,
        dilation,
        groups,
        *,
        epilogue="none",
        residual=None,
        output_padding=None,
    ) -> Packed:
        """Return the packed weight of a call: `weight` itself, or what it is packed to now.

        Raises:
            Unsupported: it was packed for another call, or is plain and cannot be packed here.
            UsageError: it is plain, and the shapes do not fit together.
        """
        if type(weight) is not Packed:
            if self.why_not_plain:
                raise Unsupported(f"needs its weight prepared: {self.why_not_plain}")
            problem = problem_of(
                input, weight, bias, stride, padding, dilation, groups, output_padding
            )
            if epilogue != "none":
                problem = dataclasses.replace(problem, epilogue=epilogue)
            if reason := self.why_not(problem):
                raise Unsupported(reason)
            with PACK:
                packed = self.prepare(weight, problem)
            _require_residual(packed, residual)
            return packed
        if (
            weight.row == self.row
            and input.shape == weight.input_shape
            and input.dtype is weight.dtype
            and (stride, padding, dilation, groups) == weight.arguments
            and output_padding == weight.output_padding
            and (bias is None or _fits(bias, weight))
            and epilogue == weight.epilogue
            and (residual is weight.residual_shape is None or _is_residual(residual, weight))
            and (weight.threads is None or weight.threads == torch.get_num_threads())
        ):
            return weight
        axes = max(1, input.dim() - 2)
        settings = (each_axis(size, axes) for size in (stride, padding, dilation))
        longer = None if output_padding is None else each_axis(output_padding, axes)
        self._refuse_another(input, weight, bias, (*settings, groups), longer, epilogue)
        _require_residual(weight, residual)
        return weight

    def _refuse_another(
        self, input, packed: Packed, bias, arguments, output_padding, epilogue
    ) -> None:
        """Say what a call differs in; in nothing where one number stands for two."""
        names = ("stride", "padding", "dilation", "groups")
        compared = [
            ("row", packed.row, self.row),
            ("inputs of", packed.input_shape, tuple(input.shape)),
            ("type", packed.dtype, input.dtype),
            *zip(names, packed.arguments, arguments, strict=True),
            ("output_padding", packed.output_padding, output_padding),
            ("epilogue", packed.epilogue, epilogue),
        ]
        if bias is not None:
            compared += [
                ("bias of", packed.bias_shape, tuple(bias.shape)),
                ("bias of type", packed.dtype, bias.dtype),
            ]
        if packed.threads is not None:
            compared.append(("threads", packed.threads, torch.get_num_threads()))
        differing = [(name, mine, other) for name, mine, other in compared if mine != other]
        if differing:
            packed_for = ", ".join(f"{name} {mine}" for name, mine, _ in differing)
            got = ", ".join(str(other) for _, _, other in differing)
            raise Unsupported(f"packed for {packed_for}; got {got}")


def _fits(bias: torch.Tensor, packed: Packed) -> bool:
    return bias.shape == packed.bias_shape and bias.dtype is packed.dtype


def _is_residual(residual: torch.Tensor | None, packed: Packed) -> bool:
    return (
        residual is not None
        and residual.shape == packed.residual_shape
        and residual.dtype is packed.dtype
    )


def _require_residual(packed: Packed, residual: torch.Tensor | None) -> None:
    """Refuse a residual that is missing, one too many, or of another shape or type."""
    shape = packed.residual_shape
    if residual is shape is None or _is_residual(residual, packed):
        return
    if shape is None:
        raise Unsupported(f"takes no residual: its epilogue is {packed.epilogue}")
    got = "none" if residual is None else f"{tuple(residual.shape)} in {residual.dtype}"
    raise Unsupported(f"needs a residual of {shape} in {packed.dtype}; got {got}")
