"""torch's own threads, set to work by compiled code.

A process has the OpenMP library that torch was linked with, and Numba would load the system's
besides. Two libraries have two pools, each of which keeps its threads spinning for a while after
their work: a row between torch's operators waited for the cores as long as it computed. So the
compiled loops here start a parallel region of torch's library, as `#pragma omp parallel` would in
C: GCC's manual of libgomp, "Implementing PARALLEL construct", has the convention. LLVM's and
Intel's OpenMP offer it as well, on Linux.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import NamedTuple

import torch
from llvmlite import ir
from numba import int64
from numba.core import cgutils, types
from numba.extending import intrinsic

_BYTES = ir.IntType(8).as_pointer()
_INT = ir.IntType(32)


class Functions(NamedTuple):
    """Addresses of what OpenMP's library does for compiled code."""

    parallel: int
    """void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags)"""
    barrier: int
    """void GOMP_barrier(void)"""
    thread: int
    """int omp_get_thread_num(void)"""
    team: int
    """int omp_get_num_threads(void)"""


def _functions() -> Functions | None:
    names = ("GOMP_parallel", "GOMP_barrier", "omp_get_thread_num", "omp_get_num_threads")
    try:
        # Symbols are looked for in what the library was linked with, too.
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        found = [ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in names]
    except (OSError, AttributeError):
        return None
    return Functions(*(address or 0 for address in found)) if all(found) else None


OF_TORCH = _functions()
"""None where torch has another pool, or its library another convention: macOS, Windows."""


@intrinsic
def pointer_to(typing, address):
    """Return a pointer to the words at an address."""

    def generate(context, builder, signature, values):
        return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

    return types.CPointer(int64)(types.int64), generate


@intrinsic
def loaded(typing, pointer):
    """Return what lies where a pointer points."""

    def generate(context, builder, signature, values):
        kind = context.get_value_type(signature.return_type)
        return builder.load(builder.bitcast(values[0], kind.as_pointer()))

    return pointer.dtype(pointer), generate


@intrinsic
def call(typing, address, arguments):
    """Call the compiled function at an address with a tuple of arguments; it returns nothing."""

    def generate(context, builder, signature, values):
        address, packed = values
        kinds = signature.args[1].types
        _call(context, builder, kinds, address, cgutils.unpack_tuple(builder, packed))
        return context.get_dummy_value()

    return types.void(types.int64, arguments), generate


@intrinsic
def call_in_parallel(typing, functions, first_step, last_step, threads, entry, block):
    """Have torch's threads call the compiled function at `entry`.

    It is called with (step, worker, threads, block) for every worker below `threads` in one step
    after the other; all have done a step before the next one begins. A team may come out smaller
    than was asked for: then its threads stand for several workers. `functions` are addresses, in
    the order of `Functions`.
    """

    def generate(context, builder, signature, values):
        functions, *others = values
        data = [*cgutils.unpack_tuple(builder, functions), *others]
        kinds = ir.LiteralStructType([value.type for value in data])
        slot = cgutils.alloca_once(builder, kinds)
        builder.store(cgutils.make_anonymous_struct(builder, data, kinds), slot)
        body = _body(context, builder.module, kinds, signature.args[-1])
        start = ir.FunctionType(ir.VoidType(), [body.type, _BYTES, _INT, _INT])
        parallel = builder.inttoptr(data[0], start.as_pointer())
        team = builder.trunc(others[2], _INT)
        builder.call(parallel, [body, builder.bitcast(slot, _BYTES), team, _INT(0)])
        return context.get_dummy_value()

    numbers = types.int64, types.int64, types.int64, types.int64
    return types.void(functions, *numbers, block), generate


def _body(context, module, kinds, pointer):
    """Return the function that each thread of a region runs, of the data in one structure."""
    name = module.get_unique_name("region")
    body = ir.Function(module, ir.FunctionType(ir.VoidType(), [_BYTES]), name)
    body.linkage = "internal"
    builder = ir.IRBuilder(body.append_basic_block())
    given = builder.load(builder.bitcast(body.args[0], kinds.as_pointer()))
    _, barrier, thread, team, first_step, last_step, threads, entry, block = (
        builder.extract_value(given, number) for number in range(len(kinds.elements))
    )
    own, together = (_number(builder, function) for function in (thread, team))
    one = ir.Constant(first_step.type, 1)
    of_entry = [int64, int64, int64, pointer]
    with cgutils.for_range_slice(builder, first_step, last_step, one) as (step, _):
        with cgutils.for_range_slice(builder, own, threads, together) as (worker, _):
            _call(context, builder, of_entry, entry, [step, worker, threads, block])
        wait = ir.FunctionType(ir.VoidType(), []).as_pointer()
        builder.call(builder.inttoptr(barrier, wait), [])
    builder.ret_void()
    return body


def _number(builder, function):
    """Return what a function of no arguments returns, an int, as one of 64 bits."""
    kind = ir.FunctionType(_INT, []).as_pointer()
    return builder.sext(builder.call(builder.inttoptr(function, kind), []), ir.IntType(64))


def _call(context, builder, kinds, address, values):
    """Call by Numba's own convention."""
    function = context.call_conv.get_function_type(types.none, kinds)
    callee = builder.inttoptr(address, function.as_pointer())
    context.call_conv.call_function(builder, callee, types.none, kinds, values)
