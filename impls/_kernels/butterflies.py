"""The steps of an FFT whose lanes are channels: polynomials taken apart by their roots, and back.

A block of `size` complex vectors holds a polynomial modulo t^size - c^radix. A step takes it
modulo its `radix` factors t^(size/radix) - c·i^q, whose blocks then lie one after the other where
the block lay; the next step does the same with each of them. All of a block's factors are its
own: unlike the textbook's, the step needs no table within a block.

Source: D. Bernstein, "Multidigit multiplication for mathematicians" (2001), sections 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable

from numba.core import cgutils, types
from numba.extending import intrinsic

from impls._kernels.vector import Emitter

Complex = tuple
"""A vector of real parts and one of imaginary parts."""


def _step(write: Callable[..., list[Complex]], radix: int):
    """Return a Numba function that takes `blocks` blocks through a step, one after the other.

    Called as step(z, factors, blocks, part): `part` is a block's size over the radix. z has a
    vector of real parts and then one of imaginary parts for each place, and `factors` c, c², …, of
    each block, real and imaginary part in turn.
    """
    factors_a_block = 2 * (radix - 1)

    @intrinsic
    def step(typing, z, factors, blocks, part):
        def generate(context, builder, signature, arguments):
            z, factors, blocks, part = arguments
            emit = Emitter(context, builder, signature.args[0].dtype)
            place = 2 * emit.lanes
            with cgutils.for_range(builder, blocks) as outer:
                block = builder.mul(emit.times(outer.index, radix), part)
                start = emit.moved(z, block, place)
                own = emit.moved(factors, outer.index, factors_a_block)
                spread = [emit.spread(emit.moved(own, k)) for k in range(factors_a_block)]
                powers = list(zip(spread[::2], spread[1::2], strict=True))
                with cgutils.for_range(builder, part) as inner:
                    first = emit.moved(start, inner.index, place)
                    at = [emit.moved(first, part, place * k) for k in range(radix)]
                    values = [(emit.load(p), emit.load(emit.moved(p, emit.lanes))) for p in at]
                    for target, value in zip(at, write(emit, values, powers), strict=True):
                        emit.store(value[0], target)
                        emit.store(value[1], emit.moved(target, emit.lanes))
            return context.get_dummy_value()

        return types.void(z, factors, types.intp, types.intp), generate

    return step


def _times(emit: Emitter, a: Complex, b: Complex) -> Complex:
    build = emit.builder
    real = emit.fma(build.fneg(a[1]), b[1], build.fmul(a[0], b[0]))
    return real, emit.fma(a[0], b[1], build.fmul(a[1], b[0]))


def _times_conjugate(emit: Emitter, a: Complex, b: Complex) -> Complex:
    build = emit.builder
    real = emit.fma(a[1], b[1], build.fmul(a[0], b[0]))
    return real, emit.fma(build.fneg(a[0]), b[1], build.fmul(a[1], b[0]))


def _plus(emit: Emitter, a: Complex, b: Complex) -> Complex:
    return emit.builder.fadd(a[0], b[0]), emit.builder.fadd(a[1], b[1])


def _minus(emit: Emitter, a: Complex, b: Complex) -> Complex:
    return emit.builder.fsub(a[0], b[0]), emit.builder.fsub(a[1], b[1])


def _plus_i(emit: Emitter, a: Complex, b: Complex) -> Complex:
    """a + i·b"""
    return emit.builder.fsub(a[0], b[1]), emit.builder.fadd(a[1], b[0])


def _minus_i(emit: Emitter, a: Complex, b: Complex) -> Complex:
    """a - i·b"""
    return emit.builder.fadd(a[0], b[1]), emit.builder.fsub(a[1], b[0])


def _apart_by_4(emit: Emitter, a: list[Complex], c: list[Complex]) -> list[Complex]:
    b1, b2, b3 = (_times(emit, value, power) for value, power in zip(a[1:], c, strict=True))
    even_sum, even_rest = _plus(emit, a[0], b2), _minus(emit, a[0], b2)
    odd_sum, odd_rest = _plus(emit, b1, b3), _minus(emit, b1, b3)
    return [
        _plus(emit, even_sum, odd_sum),
        _plus_i(emit, even_rest, odd_rest),
        _minus(emit, even_sum, odd_sum),
        _minus_i(emit, even_rest, odd_rest),
    ]


def _together_by_4(emit: Emitter, y: list[Complex], c: list[Complex]) -> list[Complex]:
    even_sum, even_rest = _plus(emit, y[0], y[2]), _minus(emit, y[0], y[2])
    odd_sum, odd_rest = _plus(emit, y[1], y[3]), _minus(emit, y[1], y[3])
    return [
        _plus(emit, even_sum, odd_sum),
        _times_conjugate(emit, _minus_i(emit, even_rest, odd_rest), c[0]),
        _times_conjugate(emit, _minus(emit, even_sum, odd_sum), c[1]),
        _times_conjugate(emit, _plus_i(emit, even_rest, odd_rest), c[2]),
    ]


def _apart_by_2(emit: Emitter, a: list[Complex], c: list[Complex]) -> list[Complex]:
    b = _times(emit, a[1], c[0])
    return [_plus(emit, a[0], b), _minus(emit, a[0], b)]


def _together_by_2(emit: Emitter, y: list[Complex], c: list[Complex]) -> list[Complex]:
    return [_plus(emit, *y), _times_conjugate(emit, _minus(emit, *y), c[0])]


apart_by_4, together_by_4 = _step(_apart_by_4, 4), _step(_together_by_4, 4)
"""together_by_4(apart_by_4(z)) is 4·z: the weight's spectra make up for that."""
apart_by_2, together_by_2 = _step(_apart_by_2, 2), _step(_together_by_2, 2)
"""The same for two factors; together they give 2·z."""


@intrinsic
def multiply_places(typing, z, h, count):
    """Multiply `count` complex vectors of z by those of h, lane by lane; both as for a step."""

    def generate(context, builder, signature, arguments):
        z, h, count = arguments
        emit = Emitter(context, builder, signature.args[0].dtype)
        with cgutils.for_range(builder, count) as loop:
            z_at, h_at = (emit.moved(start, loop.index, 2 * emit.lanes) for start in (z, h))
            a, b = (
                (emit.load(start), emit.load(emit.moved(start, emit.lanes)))
                for start in (z_at, h_at)
            )
            real, imaginary = _times(emit, a, b)
            emit.store(real, z_at)
            emit.store(imaginary, emit.moved(z_at, emit.lanes))
        return context.get_dummy_value()

    return types.void(z, h, types.intp), generate
