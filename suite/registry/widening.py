"""16-bit types for functions that compute in float32: what stands around them.

With `via_float32=True` a function and its `prepare` see float32 alone. The weight is converted
once, when it is packed; input, bias and residual in the call, by torch's own vectorised conversion;
the result is rounded once. Sums stay in float32 all the way, so that a row is as exact as its
storage allows, and compiled code needs no other version for it.

A row with 16-bit instructions of its own (AVX512-BF16, AMX) would register without it, with these
types among its `dtypes`, and an `available` that says what the processor lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from suite.conditions import DTYPE_BYTES, SIXTEEN_BIT
from suite.errors import Unsupported
from suite.problem import Problem

ITEMSIZE = DTYPE_BYTES[SIXTEEN_BIT[0]]
"""Bytes of an element as it is stored."""
WIDE_ITEMSIZE = DTYPE_BYTES["float32"]
NOTE = "computes in float32 and rounds the result once"


class Widened:
    """What `prepare` made of a 16-bit weight, and of which type that was."""

    __slots__ = ("content", "dtype", "note")

    def __init__(self, content: Any, dtype: Any) -> None:
        self.content = content
        self.dtype = dtype
        self.note = getattr(content, "note", "")


def widened_prepare(prepare: Callable[[Any, Problem], Any]) -> Callable[[Any, Problem], Widened]:
    """Return a function that packs 16-bit weights by one that packs float32."""

    def pack(weight: Any, problem: Problem) -> Widened:
        return Widened(prepare(weight.float(), problem), weight.dtype)

    return pack


def widened(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of 16-bit tensors by one of float32 with torch's parameters.

    Its memory format is the function's: conversions keep strides.

    Raises:
        Unsupported: in the call, operands of different types.
    """

    def convolve(input: Any, weight: Any, bias: Any = None, *settings: Any, **named: Any) -> Any:
        dtype = input.dtype
        residual = named.get("residual")
        for name, other in (("weight", weight), ("bias", bias), ("residual", residual)):
            if other is not None and other.dtype is not dtype:
                raise Unsupported(f"packed for type {dtype}; got a {name} of {other.dtype}")
        if residual is not None:
            named["residual"] = residual.float()
        wide = input.float()
        own_weight = weight.content if type(weight) is Widened else weight.float()
        own_bias = None if bias is None else bias.float()
        output = function(wide, own_weight, own_bias, *settings, **named)
        # What else it may return is refused by whoever looks at outputs.
        return output.to(dtype) if getattr(output, "dtype", None) is wide.dtype else output

    return convolve


def with_16_bit(dtypes: Iterable[str]) -> tuple[str, ...]:
    """Return what a function computes with the types that are converted for it."""
    return tuple(dict.fromkeys((*dtypes, *SIXTEEN_BIT)))


def copies_bytes(problem: Problem, *, weight: bool) -> int:
    """Return the bytes in float32 that a call has besides the function's own.

    Args:
        weight: the weight as well, where it is not packed.
    """
    operands = problem.input_elements + problem.residual_elements
    operands += problem.out_channels if problem.bias else 0
    elements = operands + problem.output_elements + (problem.weight_elements if weight else 0)
    return WIDE_ITEMSIZE * elements
