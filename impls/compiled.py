"""torch.compile with frozen weights: Inductor may reorder the weight and choose the layout."""

from __future__ import annotations

import shutil

import torch
import torch.nn.functional as F

from impls._packing import Packing
from suite import Problem, register


def _why_no_compiler() -> str | None:
    if shutil.which("g++") or shutil.which("clang++"):
        return None
    return "torch.compile needs a C++ compiler on this machine: install g++"


class _Convolution(torch.nn.Module):
    def __init__(self, weight: torch.Tensor, problem: Problem) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight.detach().clone(), requires_grad=False)
        self.arguments = problem.stride, problem.padding, problem.dilation, problem.groups

    def forward(self, input: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        return F.conv2d(input, self.weight, bias, *self.arguments)


def _compile(weight: torch.Tensor, problem: Problem) -> torch.nn.Module:
    """Return the convolution compiled for contiguous inputs; another layout compiles anew."""
    # One thread: a pool of compiling processes would still be starting while rivals are timed.
    options = {"freezing": True, "max_autotune": weight.is_cuda, "compile_threads": 1}
    compiled = torch.compile(_Convolution(weight, problem).eval(), options=options, dynamic=False)
    bias = weight.new_zeros(problem.out_channels) if problem.bias else None
    with torch.no_grad():
        compiled(weight.new_zeros(problem.input_shape), bias)
    return compiled


_packing = Packing("compile", _compile, why_not_plain="compiling takes seconds")


@register(
    "compile",
    family="vendor",
    dtypes=("float32", "float64", "float16", "bfloat16"),
    available=_why_no_compiler,
    prepare=_packing.prepare,
    nan_policy="tile",
    on_request=True,
)
def compile_frozen(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """torch.compile of F.conv2d with the weight frozen into the code; compiled while preparing.

    What Inductor may then do: reorder the weight once for oneDNN, choose channels_last, turn 1×1
    into a matrix product. On a GPU it also races its own Triton kernels against cuDNN
    (max-autotune).
    """
    packed = _packing.of_call(input, weight, bias, stride, padding, dilation, groups)
    with torch.no_grad():
        return packed.content(input.detach(), bias)
