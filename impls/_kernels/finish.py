"""What follows a convolution, on rows of outputs that were just written: the first cache has them.

    y[i][j] = activation(y[i][j] + r[i][j])

NaN stays NaN in every one of them, as in torch. The exponential is 2ⁿ·eʳ with n whole and
|r| ≤ ln 2 / 2, eʳ by its Taylor polynomial: W. J. Cody, W. Waite, "Software manual for the
elementary functions" (1980), chapter 6. GELU needs erfc(x) = t·exp(p(t) - x²), t = 2 / (2 + x), p
in Chebyshev polynomials: W. H. Press et al., "Numerical recipes" (3rd ed., 2007), section 6.2.2.
"""

from __future__ import annotations

import functools
import math

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.polynomial import chebyshev

from impls._kernels.pointers import View, at
from impls._kernels.vector import BLOCK_VECTORS, INDEX, Emitter
from impls._numba import njit
from suite.epilogues import EPILOGUES, NONE, activation_of

FUSED = tuple(name for name in EPILOGUES if name != NONE)
"""What is computed here: all."""
FIRST_ADDING = 1 + FUSED.index("add")
"""Codes from this on add a residual."""
NAMES = (NONE, *FUSED)
"""By code: first the activations, then those that add, in the same order."""
CODES = {name: code for code, name in enumerate(NAMES)}

_LN2 = (0.693359375, math.log(2) - 0.693359375)
"""In two parts: n times the first is exact."""
_OF_BITS = {
    32: (-87.0, 88.0, 1.5 * 2.0**23, 23, 127, 7),
    64: (-708.0, 709.0, 1.5 * 2.0**52, 52, 1023, 13),
}
"""Bits of a type → arguments from and to which its exponential is neither 0 nor infinite; what
makes a sum round to whole numbers; bits of the mantissa; the exponent's bias; the polynomial's
degree."""
_ERFC = (
    -1.3026537197817094342,
    0.6419697923564902603,
    0.019476473204185836312,
    -0.0095615147868086316419,
    -0.0009465953444820368663,
    0.00036683949785276145187,
    0.000042523324806907771645,
    -0.000020278578112534243154,
    -1.6242900046470255135e-6,
    1.3036558355805232018e-6,
    1.5626441722066143178e-8,
    -8.5238095914926542525e-8,
    6.5290544390988514964e-9,
    5.0593434955514689418e-9,
    -9.9136415649303308674e-10,
    -2.2736512229318358557e-10,
    9.646791102015526802e-11,
    2.3940380830391147447e-12,
    -6.8860275264975533984e-12,
    8.9448792730907257167e-13,
    3.1309213993429580783e-13,
    -1.1270822361367252366e-13,
    3.8109052551892320552e-16,
    7.1060976136092369878e-15,
    -1.5230282014571043043e-15,
    -9.4574945712912340005e-17,
    1.2102371892242789923e-16,
)
"""p's coefficients, of the Chebyshev polynomials of 2·t - 1."""
_ERFC_TERMS = {32: 12, 64: len(_ERFC)}
"""How many of them a type of so many bits can tell from none."""

WIDE = BLOCK_VECTORS
"""Vectors that are finished at once while there are as many: a row of a panel."""


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
    wide = emit.wider(WIDE)
    blocks = builder.udiv(count, ir.Constant(INDEX, wide.lanes))
    first = emit.times(blocks, wide.lanes)
    whole = builder.udiv(builder.sub(count, first), ir.Constant(INDEX, emit.lanes))
    done = builder.add(first, emit.times(whole, emit.lanes))
    mask = emit.first_lanes(builder.sub(count, done))
    masked = functools.partial(emit.load_masked, mask=mask)
    added = builder.icmp_signed(">=", which, ir.Constant(INDEX, FIRST_ADDING))
    # Whether something is added is asked in the loops: they would be twice as many to compile.
    alone = builder.sub(which, ir.Constant(INDEX, FIRST_ADDING))
    for code in emit.switch(builder.select(added, alone, which), range(FIRST_ADDING)):
        activation = activation_of(NAMES[code])
        with cgutils.for_range(builder, rows) as loop:
            target = emit.moved(y, builder.mul(loop.index, y_ld))
            source = emit.moved(r, builder.mul(loop.index, r_ld))
            for own, times, start in ((wide, blocks, None), (emit, whole, first)):
                with cgutils.for_range(builder, times) as inner:
                    place = emit.times(inner.index, own.lanes)
                    place = place if start is None else builder.add(start, place)
                    goal, more = emit.moved(target, place), emit.moved(source, place)
                    value = _sum(own, own.load, goal, more, added)
                    own.store(_activated(own, activation, value), goal)
            # Masked loads and stores of nothing are among the slowest instructions there are.
            with builder.if_then(builder.icmp_signed("<", done, count)):
                goal, more = emit.moved(target, done), emit.moved(source, done)
                value = _sum(emit, masked, goal, more, added)
                emit.store_masked(_activated(emit, activation, value), goal, mask)
    builder.ret_void()
    return function


def _sum(emit: Emitter, load, y, r, added):
    """Return the vector at y, with the one at r if `added`."""
    variable = emit.variables("z")["z"]
    emit.builder.store(load(y), variable)
    with emit.builder.if_then(added):
        emit.builder.store(emit.builder.fadd(emit.value(variable), load(r)), variable)
    return emit.value(variable)


def _activated(emit: Emitter, activation: str, z):
    builder = emit.builder
    if activation == "relu":
        # Plus 0, or LLVM makes the store a masked one of zeros, which takes ten times as long.
        return _at_least(emit, builder.fadd(z, emit.zero), 0.0)
    if activation == "relu6":
        return _at_most(emit, _at_least(emit, z, 0.0), 6.0)
    if activation == "hardswish":
        gate = builder.fadd(z, emit.constant(3.0))
        gate = _at_most(emit, _at_least(emit, gate, 0.0), 6.0)
        return builder.fdiv(builder.fmul(z, gate), emit.constant(6.0))
    if activation in ("sigmoid", "silu"):
        below = builder.fadd(emit.constant(1.0), _exponential(emit, builder.fneg(z)))
        return builder.fdiv(emit.constant(1.0) if activation == "sigmoid" else z, below)
    if activation == "gelu":
        return _gelu(emit, z)
    return z


def _gelu(emit: Emitter, z):
    """Return z·erfc(-z/√2)/2; of positive z by erfc(-x) = 2 - erfc(x)."""
    builder = emit.builder
    negative = builder.fcmp_ordered("<", z, emit.zero)
    size = builder.select(negative, builder.fneg(z), z)
    x = builder.fmul(size, emit.constant(math.sqrt(0.5)))
    t = builder.fdiv(emit.constant(2.0), builder.fadd(x, emit.constant(2.0)))
    place = emit.fma(t, emit.constant(2.0), emit.constant(-1.0))
    *others, polynomial = (emit.constant(factor) for factor in _erfc_factors(8 * emit.itemsize))
    for factor in reversed(others):
        polynomial = emit.fma(polynomial, place, factor)
    # A little above what an exponential can be: numbers below the least normal one take long.
    least = _OF_BITS[8 * emit.itemsize][0] + 7
    power = _at_least(emit, emit.fma(builder.fneg(x), x, polynomial), least)
    half = builder.fmul(builder.fmul(t, emit.constant(0.5)), _exponential(emit, power))
    return builder.fmul(z, builder.select(negative, half, builder.fsub(emit.constant(1.0), half)))


def _erfc_factors(bits: int) -> list[float]:
    """Return p's factors of the powers of 2·t - 1, of as high a degree as the type can tell."""
    first, *others = _ERFC[: _ERFC_TERMS[bits]]
    return chebyshev.cheb2poly([first / 2, *others]).tolist()


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
