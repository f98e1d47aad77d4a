"""The fastest row for the problem at hand, chosen before the first call.

Packing the weight is when to choose: `suite.tuning` says what was measured on this machine for
problems alike (by the command `tune`), or, before anything was, what its built-in model
makes of the sizes. The rows it names are tried best first: only a chosen row's module is loaded,
and one that is not available, does not cover the problem or may be less exact than this row
declares is passed over. torch remains where nothing is safely faster, for gradients, on GPUs,
and when a call turns out other than it was packed for.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from impls._arguments import problem_of
from suite import Problem, Unsupported, register
from suite.kinds import CONVOLUTIONS, TRANSPOSED
from suite.tuning.candidates import Candidates, candidates
from suite.tuning.eligible import MOST_ERROR_FACTOR
from suite.tuning.store import Conditions

TORCH = {
    "conv1d": F.conv1d,
    "conv2d": F.conv2d,
    "conv3d": F.conv3d,
    "conv_transpose1d": F.conv_transpose1d,
    "conv_transpose2d": F.conv_transpose2d,
    "conv_transpose3d": F.conv_transpose3d,
}
DTYPES = {
    torch.float32: "float32",
    torch.float64: "float64",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
}


class Choice(NamedTuple):
    """A function to call, and the weight as it takes it."""

    function: Callable[..., Any]
    weight: Any


class Chosen:
    """A weight with the choice for each memory format that the input may come in.

    It is none of `_packing.Packed`: it refuses no call, as torch takes over with the plain weight.
    """

    __slots__ = ("channels_last", "contiguous", "note", "only", "raw", "torch")

    def __init__(self, torch: Choice, contiguous: Choice, channels_last: Choice, note: str):
        self.torch, self.raw = torch
        self.contiguous = contiguous
        self.channels_last = channels_last
        self.only = contiguous.function is channels_last.function is self.torch
        """Whether it is torch's own whatever comes."""
        self.note = note


@functools.lru_cache(maxsize=8)
def lacks_instructions(dtype: torch.dtype) -> bool:
    """Return whether torch says of itself that its fast kernels do not compute a 16-bit type here.

    On x86 alone: there nothing else of torch's does, either. It asks as `use_mkldnn` does in
    `aten/src/ATen/native/Convolution.cpp`.
    """
    ask = {
        torch.bfloat16: "_is_mkldnn_bf16_supported",
        torch.float16: "_is_mkldnn_fp16_supported",
    }.get(dtype)
    is_supported = getattr(torch.ops.mkldnn, ask, None) if ask else None
    if is_supported is None or platform.machine() not in ("x86_64", "AMD64"):
        return False
    return not is_supported()


def _candidates(weight: torch.Tensor, problem: Problem, memory_format: str) -> Candidates:
    dtype = weight.dtype
    conditions = Conditions(DTYPES[dtype], memory_format, torch.get_num_threads())
    return candidates(problem, conditions, torch.__version__, lacks_instructions(dtype))


def _choose(
    weight: torch.Tensor, problem: Problem, memory_format: str, made: dict[str, Choice]
) -> tuple[Choice, str]:
    """Return the fastest row that takes this weight, packed, and a note that names it.

    Args:
        made: choices that this weight is packed for already, by row.
    """
    plain = Choice(TORCH[problem.kind], weight)
    if weight.device.type != "cpu" or weight.dtype not in DTYPES:
        return plain, "torch, as always but on the CPU"
    advised = _candidates(weight, problem, memory_format)
    for entry in advised.entries:
        own = entry.of_kind(problem.kind, DTYPES[weight.dtype])
        try:
            if own.name not in made:
                packed = own.prepare(weight.detach(), problem) if own.prepare else weight
                made[own.name] = Choice(own.function, packed)
        except Unsupported:
            continue
        return made[entry.name], f"{entry.name}, by {advised.source}"
    return plain, f"torch, by {advised.source}"


def _pack(weight: torch.Tensor, problem: Problem) -> Chosen:
    """Choose for the memory formats that the weight's own suggests, and pack for the choice."""
    contiguous, note = None, ""
    made: dict[str, Choice] = {}
    if weight.is_contiguous():
        contiguous, note = _choose(weight, problem, "contiguous", made)
    if contiguous is None or weight.movedim(1, -1).is_contiguous():
        channels_last, other = _choose(weight, problem, "channels_last", made)
        note = f"{note}; in channels_last {other}" if note and note != other else other
    else:
        # An input in another format than the weight's is rare: the same row takes it, too.
        assert contiguous is not None
        channels_last = contiguous
    plain = Choice(TORCH[problem.kind], weight)
    return Chosen(plain, contiguous or channels_last, channels_last, f"chose {note}")


def _wants_gradients(*tensors: torch.Tensor | None) -> bool:
    return any(tensor is not None and tensor.requires_grad for tensor in tensors)


def _unpacked(weight: torch.Tensor, problem: Problem, memory_format: str) -> Callable[..., Any]:
    """Return the fastest row that takes the weight as it is."""
    for entry in _candidates(weight, problem, memory_format).entries:
        own = entry.of_kind(problem.kind, DTYPES[weight.dtype])
        if own.prepare is None:
            return own.function
    return TORCH[problem.kind]


@register(
    "auto",
    family="auto",
    dtypes=tuple(DTYPES.values()),
    error_factor=MOST_ERROR_FACTOR,
    nan_policy="plane",
    kinds=CONVOLUTIONS,
    prepare=_pack,
)
def auto(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The row that measurements on this machine promise to be fastest, torch where none is surely.

    Packed for one problem it costs a fraction of a microsecond more than the row itself; given a
    plain weight, it chooses in a few microseconds among the rows that need no packing.
    Accuracy: no row that declares more error than F(4×4) Winograd's is ever chosen, nor one that
    computes in lower precision. Cost and extra memory are the chosen row's; notes name it.
    """
    arguments = stride, padding, dilation, groups
    if type(weight) is not Chosen:
        problem = problem_of(input, weight, bias, *arguments)
        return _call_unpacked(problem, input, weight, bias, arguments)
    return _call(input, weight, bias, arguments)


@register(
    "auto",
    family="auto",
    dtypes=tuple(DTYPES.values()),
    error_factor=MOST_ERROR_FACTOR,
    nan_policy="plane",
    kinds=TRANSPOSED,
    prepare=_pack,
)
def auto_transposed(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The same for transposed convolutions."""
    arguments = stride, padding, output_padding, groups, dilation
    if type(weight) is not Chosen:
        given = input, weight, bias, stride, padding, dilation, groups, output_padding
        return _call_unpacked(problem_of(*given), input, weight, bias, arguments)
    return _call(input, weight, bias, arguments)


def _call(input, weight: Chosen, bias, arguments):
    if weight.only:
        return weight.torch(input, weight.raw, bias, *arguments)
    if torch.is_grad_enabled() and _wants_gradients(input, weight.raw, bias):
        return weight.torch(input, weight.raw, bias, *arguments)
    function, packed = weight.contiguous if input.is_contiguous() else weight.channels_last
    try:
        return function(input, packed, bias, *arguments)
    except Unsupported:
        return weight.torch(input, weight.raw, bias, *arguments)


def _call_unpacked(problem: Problem, input, weight, bias, arguments):
    function = by_torch = TORCH[problem.kind]
    needs_torch = torch.is_grad_enabled() and _wants_gradients(input, weight, bias)
    if not needs_torch and weight.dtype in DTYPES and input.device.type == "cpu":
        last = not input.is_contiguous() and input.movedim(1, -1).is_contiguous()
        function = _unpacked(weight, problem, "channels_last" if last else "contiguous")
    try:
        return function(input, weight, bias, *arguments)
    except Unsupported:
        return by_torch(input, weight, bias, *arguments)
