"""From an implementation and a scenario to the one callable that is gated and timed.

The callable takes the varying operand (the input forward, the output's gradient backward) and
returns the result. Backward goes through autograd where the implementation is made of
differentiable operations; otherwise through forward convolutions: the input's gradient is a
convolution of the zero-dilated gradient with the flipped kernel, the weight's gradient one of
the input with the gradient, batch and channels exchanged (Dumoulin & Visin, arXiv 1603.07285,
sections 4 and 5).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.autograd.gradcheck import GradcheckError, gradcheck

from suite.conditions import Scenario
from suite.errors import Unsupported
from suite.kinds import Sizes
from suite.operands.epilogue import finishing
from suite.operands.tensors import Operands, pad_explicitly
from suite.problem import Problem
from suite.registry import widening
from suite.registry.implementation import Implementation


@dataclass(frozen=True)
class Invocation:
    """A callable from the varying operand to the result, and how it came about."""

    call: Callable[[torch.Tensor], Any]
    prepare_s: float | None = None
    note: str = ""
    finish: Callable[[Any], Any] = lambda output: output
    """From what a call returned to the one tensor that is judged; after the clock has stopped."""


def bind(implementation: Implementation, scenario: Scenario, operands: Operands) -> Invocation:
    """Return the invocation for these operands; packs the weight if the implementation does.

    Raises:
        Unsupported: by the implementation, here or in the call.
    """
    own = implementation.of_kind(scenario.problem.kind)
    bound = _bound(own.of_kind(scenario.problem.kind, scenario.dtype), scenario, operands)
    if not own.is_widened(scenario.dtype):
        return bound
    return replace(bound, note="; ".join(filter(None, (bound.note, widening.NOTE))))


def _bound(implementation: Implementation, scenario: Scenario, operands: Operands) -> Invocation:
    if scenario.direction == "forward":
        return _forward(implementation, scenario.problem, operands)
    by_autograd = _autograd(implementation, scenario, operands)
    if by_autograd is not None:
        return Invocation(by_autograd, note="gradient by autograd")
    if scenario.problem.is_transposed:
        raise Unsupported(
            "the backward pass of a transposed convolution needs operations that autograd follows"
        )
    backward = _input_gradient if scenario.direction == "backward_data" else _weight_gradient
    call = backward(implementation, scenario.problem, operands)
    return Invocation(call, note="gradient by forward convolutions")


def _convolver(
    implementation: Implementation, problem: Problem, weight: torch.Tensor, bias: Any = None
) -> Callable[[torch.Tensor], Any]:
    """Return input → output for one weight; packing happens here."""
    packed = _packed(implementation, problem, weight)
    return _caller(implementation, problem, packed, bias)


def _packed(implementation: Implementation, problem: Problem, weight: torch.Tensor) -> Any:
    if implementation.prepare:
        return implementation.prepare(weight, implementation.asked(problem.as_called()))
    return weight


def _caller(
    implementation: Implementation,
    problem: Problem,
    weight: Any,
    bias: Any,
    residual: torch.Tensor | None = None,
) -> Callable[[torch.Tensor], Any]:
    seen = problem.as_called()
    plain = implementation.function
    if seen.is_transposed:
        plain = _in_the_order_of_conv2d(plain, seen.output_padding)
    function = finishing(plain, implementation.epilogues, problem.epilogue)
    padding, added = seen.padding, () if residual is None else (residual,)
    stride, dilation, groups = seen.stride, seen.dilation, seen.groups

    def call(x: torch.Tensor) -> Any:
        return function(x, weight, bias, stride, padding, dilation, groups, *added)

    def padded_call(x: torch.Tensor) -> Any:
        padded = pad_explicitly(problem, x)
        return function(padded, weight, bias, stride, padding, dilation, groups, *added)

    return padded_call if problem.is_asymmetric else call


def _in_the_order_of_conv2d(
    function: Callable[..., Any], output_padding: Sizes
) -> Callable[..., Any]:
    """Return a transposed convolution's function with its output padding given."""

    def ordered(
        x: Any,
        w: Any,
        bias: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        **more: Any,
    ) -> Any:
        return function(x, w, bias, stride, padding, output_padding, groups, dilation, **more)

    return ordered


def _forward(implementation: Implementation, problem: Problem, operands: Operands) -> Invocation:
    start = time.perf_counter()
    packed = _packed(implementation, problem, operands.weight)
    prepare_s = time.perf_counter() - start if implementation.prepare else None
    call = _caller(implementation, problem, packed, operands.bias, operands.residual)
    # What packing found out and a reader should know.
    note = getattr(packed, "note", "")
    return Invocation(call, prepare_s, note if isinstance(note, str) else "")


def _autograd(
    implementation: Implementation, scenario: Scenario, operands: Operands
) -> Callable[[torch.Tensor], Any] | None:
    wants_input = scenario.direction == "backward_data"
    x = operands.input.detach().requires_grad_(wants_input)
    weight = operands.weight.detach().requires_grad_(not wants_input)
    try:
        with torch.enable_grad():
            y = _convolver(implementation, scenario.problem, weight, operands.bias)(x)
    except RuntimeError as error:
        if "grad" in str(error):  # "can't call numpy() on a tensor that requires grad" and such
            return None
        raise
    target = x if wants_input else weight
    if not _leads_to(getattr(y, "grad_fn", None), target):
        return None

    def call(grad: torch.Tensor) -> Any:
        return torch.autograd.grad(y, target, grad, retain_graph=True)[0]

    return call


def _leads_to(node: Any, target: torch.Tensor) -> bool:
    """Return whether gradients reach `target`: operators without any leave nodes that only warn."""
    nodes, seen = [node], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen or "NotImplemented" in node.name():
            continue
        if getattr(node, "variable", None) is target:
            return True
        seen.add(node)
        nodes += [following for following, _ in node.next_functions]
    return False


def _input_gradient(
    implementation: Implementation, problem: Problem, operands: Operands
) -> Callable[[torch.Tensor], Any]:
    groups, (k, c, *kernel) = problem.groups, operands.weight.shape
    weight = operands.weight.unflatten(0, (groups, k // groups)).transpose(1, 2)
    weight = weight.reshape(groups * c, k // groups, *kernel)
    weight = weight.flip(*range(2, 2 + problem.axes)).contiguous()
    sizes = zip(problem.input_size, problem.effective_kernel, strict=True)
    plane = tuple(size + covered - 1 for size, covered in sizes)
    inner = Problem.of_call(
        (problem.batch_size, k, *plane),
        tuple(weight.shape),
        dilation=problem.dilation,
        groups=groups,
    )
    _require_support(implementation, inner)
    convolve = _convolver(implementation, inner, weight)

    def call(grad: torch.Tensor) -> Any:
        return convolve(_zero_dilate(problem, grad, plane))

    return call


def _zero_dilate(problem: Problem, grad: torch.Tensor, plane: Sizes) -> torch.Tensor:
    """Place the gradient's rows and columns where the flipped kernel meets them.

    Those that padding beyond the kernel's reach made from zeros alone have no place.
    """
    wide = grad.new_zeros(*grad.shape[:2], *plane)
    taken: list[slice] = []
    places: list[slice] = []
    axes = zip(
        plane,
        problem.output_size,
        problem.stride,
        problem.effective_kernel,
        problem.pads,
        strict=True,
    )
    for size, out, stride, covered, (before, _) in axes:
        at = covered - 1 - before
        first = max(0, -(at // stride))
        end = max(first, min(out, (size - 1 - at) // stride + 1))
        taken.append(slice(first, end))
        places.append(slice(at + first * stride, at + end * stride, stride))
    every = slice(None), slice(None)
    wide[(*every, *places)] = grad[(*every, *taken)]
    return wide


def _weight_gradient(
    implementation: Implementation, problem: Problem, operands: Operands
) -> Callable[[torch.Tensor], Any]:
    groups = problem.groups
    if problem.batch_size == 0:
        return lambda grad: grad.new_zeros(problem.weight_shape)
    x = pad_explicitly(problem, operands.input).transpose(0, 1)
    inputs = [part.contiguous() for part in x.chunk(groups)]
    out_per_group = problem.out_channels // groups
    kernel_shape = (out_per_group, problem.batch_size, *problem.output_size)
    taken = (slice(None), slice(None), *map(slice, problem.kernel))
    inner = Problem.of_call(
        tuple(inputs[0].shape), kernel_shape, stride=problem.dilation, dilation=problem.stride
    )
    _require_support(implementation, inner)

    def call(grad: torch.Tensor) -> Any:
        kernels = grad.transpose(0, 1)
        parts = []
        for group, part in enumerate(inputs):
            kernel = kernels[group * out_per_group : (group + 1) * out_per_group].contiguous()
            y = _convolver(implementation, inner, kernel)(part)
            parts.append(y[taken].transpose(0, 1))
        return torch.cat(parts)

    return call


def _require_support(implementation: Implementation, problem: Problem) -> None:
    if reason := implementation.why_unsupported_problem(problem):
        raise Unsupported(f"the backward pass as a forward convolution: {reason}")


def gradient_fault(
    implementation: Implementation,
    problem: Problem,
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
) -> str | None:
    """Return how autograd's gradients differ from finite differences, if they do.

    None too where the implementation is not differentiable: then nothing is claimed.
    """
    implementation = implementation.of_kind(problem.kind)

    def forward(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Any:
        return _convolver(implementation, problem, weight, bias)(x)

    given = [tensor for tensor in (x, weight, bias) if tensor is not None]
    with torch.enable_grad():
        try:
            if forward(*given).grad_fn is None:
                return None
        except RuntimeError as error:
            if "grad" in str(error):
                return None
            raise
        try:
            gradcheck(forward, given, nondet_tol=1e-9)
        except GradcheckError as error:
            return str(error).strip().splitlines()[0]
    return None
