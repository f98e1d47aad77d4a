"""What follows a convolution, on rows of outputs that were just written: the first cache has them.

    y[i][j] = activation(y[i][j] + r[i][j])

NaN stays NaN in every one of them, as in torch. The exponential is 2ⁿ·eʳ with n whole and
|r| ≤ ln 2 / 2, eʳ by its Taylor polynomial: W. J. Cody, W. Waite, "Software manual for the
elementary functions" (1980), chapter 6.
"""

from __future__ import annotations

import math

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.pointers import View, at
from impls._kernels.vector import INDEX, Emitter
from impls._numba import njit
from suite.epilogues import EPILOGUES, NONE, activation_of, adds

FUSED = tuple(name for name in EPILOGUES if name != NONE and activation_of(name) != "gelu")
"""What is computed here; erf would take as long as torch's own."""
CODES = {name: code for code, name in enumerate((NONE, *FUSED))}

_LN2 = (0.693359375, math.log(2) - 0.693359375)
"""In two parts: n times the first is exact."""
_OF_BITS = {
    32: (-87.0, 88.0, 1.5 * 2.0**23, 23, 127, 7),
    64: (-708.0, 709.0, 1.5 * 2.0**52, 52, 1023, 13),
}
"""Bits of a type → arguments from and to which its exponential is neither 0 nor infinite; what
makes a sum round to whole numbers; bits of the mantissa; the exponent's bias; the polynomial's
degree."""


@intrinsic
def _finish_rows(typing, which, y, r, rows, count):
    def generate(context, builder, signature, arguments):
        which, y, r, rows, count = arguments
        emit = Emitter(context, builder, signature.args[1][0].dtype)
        operands = [which, *cgutils.unpack_tuple(builder, y), *cgutils.unpack_tuple(builder, r)]
        builder.call(_function(emit), [*operands, rows, count])
        return context.get_dummy_value()

    return types.void(types.intp, y, r, types.intp, types.intp), generate


def _function(emit: Emitter) -> ir.Function:
    """Return an LLVM function of its own, so that its many loops are written once."""
    name = f"finish_rows_{emit.itemsize}"
    module = emit.builder.module
    if name in module.globals:
        return module.globals[name]
    pointer = emit.element.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [INDEX, pointer, INDEX, pointer, INDEX, INDEX, INDEX])
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    emit = emit.inside(function)
    which, y, y_ld, r, r_ld, rows, count = function.args
    builder = emit.builder
    whole = builder.udiv(count, ir.Constant(INDEX, emit.lanes))
    done = emit.times(whole, emit.lanes)
    mask = emit.first_lanes(builder.sub(count, done))
    for code in emit.switch(which, range(1, len(CODES))):
        epilogue = FUSED[code - 1]
        with cgutils.for_range(builder, rows) as loop:
            target = emit.moved(y, builder.mul(loop.index, y_ld))
            source = emit.moved(r, builder.mul(loop.index, r_ld))
            with cgutils.for_range(builder, whole) as inner:
                place = emit.times(inner.index, emit.lanes)
                value = emit.load(emit.moved(target, place))
                if adds(epilogue):
                    value = builder.fadd(value, emit.load(emit.moved(source, place)))
                emit.store(_activated(emit, epilogue, value), emit.moved(target, place))
            value = emit.load_masked(emit.moved(target, done), mask)
            if adds(epilogue):
                value = builder.fadd(value, emit.load_masked(emit.moved(source, done), mask))
            emit.store_masked(_activated(emit, epilogue, value), emit.moved(target, done), mask)
    builder.ret_void()
    return function


def _activated(emit: Emitter, epilogue: str, z):
    builder = emit.builder
    activation = activation_of(epilogue)
    if activation == "relu":
        return _at_least(emit, z, 0.0)
    if activation == "relu6":
        return _at_most(emit, _at_least(emit, z, 0.0), 6.0)
    if activation == "hardswish":
        gate = builder.fadd(z, emit.constant(3.0))
        gate = _at_most(emit, _at_least(emit, gate, 0.0), 6.0)
        return builder.fdiv(builder.fmul(z, gate), emit.constant(6.0))
    if activation in ("sigmoid", "silu"):
        below = builder.fadd(emit.constant(1.0), _exponential(emit, builder.fneg(z)))
        return builder.fdiv(emit.constant(1.0) if activation == "sigmoid" else z, below)
    return z


def _at_least(emit: Emitter, z, least: float):
    bound = emit.constant(least)
    return emit.builder.select(emit.builder.fcmp_ordered("<", z, bound), bound, z)


def _at_most(emit: Emitter, z, most: float):
    bound = emit.constant(most)
    return emit.builder.select(emit.builder.fcmp_ordered(">", z, bound), bound, z)


def _exponential(emit: Emitter, x):
    builder, bits = emit.builder, 8 * emit.itemsize
    least, most, rounding, mantissa, bias, degree = _OF_BITS[bits]
    x = _at_most(emit, _at_least(emit, x, least), most)
    # The sum's low bits are n as a whole number.
    shifted = emit.fma(x, emit.constant(1 / math.log(2)), emit.constant(rounding))
    n = builder.fsub(shifted, emit.constant(rounding))
    r = x
    for piece in _LN2:
        r = emit.fma(n, emit.constant(-piece), r)
    total = emit.constant(1 / math.factorial(degree))
    for power in range(degree - 1, -1, -1):
        total = emit.fma(total, r, emit.constant(1 / math.factorial(power)))
    integers = ir.VectorType(ir.IntType(bits), emit.lanes)
    exponent = builder.shl(
        builder.bitcast(shifted, integers), ir.Constant(integers, [mantissa] * emit.lanes)
    )
    exponent = builder.add(exponent, ir.Constant(integers, [bias << mantissa] * emit.lanes))
    return builder.fmul(total, builder.bitcast(exponent, emit.vector))


@njit(cache=True)
def finish_rows(which, y, r, rows, count):
    """Finish `rows` rows of `count` elements in place, by an epilogue's code; 0 does nothing.

    `y` and `r`, the residual, are `View`s; r is not read where nothing is added.
    """
    if which:
        _finish_rows(which, y, r, rows, count)


@njit(cache=True)
def finish_row(which, y, r):
    """Finish a flat array."""
    _finish_rows(which, View(at(y, 0), 0), View(at(r, 0), 0), 1, y.size)
