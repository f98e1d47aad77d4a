"""Operations and bytes of a call, from the operators that ran and from closed forms.

Operations: torch's own formulas (torch.utils.flop_counter) on the shapes that the profiler saw.
They know matrix products and convolutions, and nothing else. Applied here rather than through
`FlopCounterMode`, whose dispatch mode costs each process two seconds of imports. The formula of
the backward convolution forgets groups: it counts every input channel with every output channel.

Bytes: what each operator that is not made of others read and wrote; its own temporaries count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

from suite.conditions import Scenario
from suite.problem import Problem
from suite.profiling.child.operator_view import Seen, Span, allocated_by, outermost
from suite.results.profile import Counts

VIEWS = frozenset(
    f"aten::{name}"
    for name in (
        "view",
        "as_strided",
        "as_strided_",
        "reshape",
        "_reshape_alias",
        "_unsafe_view",
        "permute",
        "transpose",
        "t",
        "mT",
        "numpy_T",
        "select",
        "slice",
        "narrow",
        "expand",
        "expand_as",
        "unsqueeze",
        "squeeze",
        "unfold",
        "unflatten",
        "flatten",
        "detach",
        "chunk",
        "split",
        "view_as",
        "view_as_real",
        "view_as_complex",
        "conj",
        "_conj",
        "resolve_conj",
        "resolve_neg",
        "alias",
        "empty",
        "empty_like",
        "empty_strided",
        "new_empty",
        "resize_",
        "lift_fresh",
        "unbind",
        "movedim",
        "swapaxes",
        "diagonal",
        "real",
        "imag",
        "to",
    )
)
"""Operators that move no data."""
CONVOLUTIONS = ("aten::convolution", "aten::_convolution", "aten::convolution_overrideable")
DIRECT_SUM = "direct sum"
BACKWARD = "aten::convolution_backward"
WHOLLY_IN_OPERATORS = 0.5
"""Share of the call inside operators from which their bytes stand for the whole call's."""
SAVED = 5
"""No algorithm executes so many times fewer operations than the direct sum: where its operators
show fewer, and do not take most of the call, the work is done outside of them."""


def counts(
    seen: Seen,
    scenario: Scenario,
    declared_flops: float | None,
    workspace_bytes: int | None,
    call_s: float,
) -> Counts:
    """Return what a call executed and moved.

    Args:
        declared_flops: by the implementation's own closed form, forward.
        workspace_bytes: by the implementation's own closed form.
        call_s: seconds per call under the same profiler.
    """
    spans = outermost(seen)
    counted, as_torch = 0, 0
    for span in spans:
        flops, torch_flops = _flops(span)
        counted += flops
        as_torch += torch_flops
    counted, as_torch = counted // seen.calls, as_torch // seen.calls
    in_operators_s = sum(span.duration_s for span in spans) / seen.calls
    by_operators = in_operators_s >= WHOLLY_IN_OPERATORS * call_s
    executed, source = float(counted), "torch's counter"
    if declared_flops is not None and scenario.direction == "forward":
        executed, source = declared_flops, "closed form"
    elif _is_hidden(counted, scenario.problem, by_operators):
        executed, source = float(scenario.problem.direct_flops), DIRECT_SUM
    moved = sum(_moved_bytes(span) for span in spans) // seen.calls if by_operators else 0
    least = scenario.least_bytes
    if moved < least / 2:  # engines hide behind one operator, or none
        by_operators = False
        moved = least + 2 * (workspace_bytes or 0)
    return Counts(
        executed_flops=executed,
        flops_source=source,
        counted_flops=counted or None,
        moved_bytes=moved,
        bytes_source="operators" if by_operators else "formula",
        note=_note(counted, as_torch, executed, source, scenario),
    )


def _is_hidden(counted: int, problem: Problem, by_operators: bool) -> bool:
    """Whether torch's counter does not see the work: a foreign kernel's, or one by element."""
    return counted == 0 or (not by_operators and SAVED * counted < problem.direct_flops)


def _note(counted: int, as_torch: int, executed: float, source: str, scenario: Scenario) -> str:
    remarks = []
    if source == DIRECT_SUM:
        remarks.append("counted as the direct sum's: fewer where the algorithm saves work")
    if as_torch != counted:
        remarks.append(
            f"torch's formula of the backward convolution forgets groups: {as_torch:,} in place "
            f"of {counted:,}"
        )
    is_closed = source != "torch's counter"
    expected = executed if is_closed else float(scenario.problem.direct_flops)
    if counted and math.isclose(counted, expected, rel_tol=1e-6):
        remarks.append("torch's counter and the closed form agree")
    elif counted:
        remarks.append(
            f"torch's counter sees {counted / expected:.1%} of the closed form: it counts matrix "
            "products and convolutions alone"
        )
    else:
        remarks.append("nothing that torch's counter knows: the work is done outside its operators")
    return "; ".join(remarks)


def _flops(span: Span) -> tuple[int, int]:
    """Return an operator's operations and what torch counts, by its outermost counted part."""
    by_formula = _by_formula(span)
    if by_formula is not None:
        return by_formula
    flops = torch_flops = 0
    for child in span.children:
        if child.is_operator:
            child_flops, child_torch_flops = _flops(child)
            flops, torch_flops = flops + child_flops, torch_flops + child_torch_flops
    return flops, torch_flops


def _by_formula(span: Span) -> tuple[int, int] | None:
    tensors = list(_tensors(span))
    if span.name in CONVOLUTIONS:
        flops = _convolution(span).direct_flops
        return flops, flops
    if span.name == BACKWARD:
        return _backward_flops(span)
    packet = getattr(torch.ops.aten, span.name.removeprefix("aten::").removesuffix("_"), None)
    formula = flop_registry.get(packet)
    if formula is None or "conv" in span.name or len(tensors) < 2:
        return None
    flops = int(formula(*(tuple(tensor.sizes) for tensor in tensors), out_val=None))
    return flops, flops


def _convolution(span: Span) -> Problem:
    """Return the problem that a convolution's operator was given."""
    x, w = (tuple(tensor.sizes) for tensor in list(_tensors(span))[:2])
    stride, padding, dilation, transposed, output_padding, groups = span.arguments[3:9]
    return Problem.of_call(
        x,
        w,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        transposed=bool(transposed),
        output_padding=output_padding,
    )


def _backward_flops(span: Span) -> tuple[int, int]:
    """Return the operations of the gradients asked for: with groups, and as torch counts them."""
    grad, _, w = (tuple(tensor.sizes) for tensor in list(_tensors(span))[:3])
    *_, groups, output_mask = span.arguments
    flops = sum(map(bool, output_mask[:2])) * 2 * math.prod(grad) * math.prod(w[1:])
    for_input, for_weight = output_mask[:2]
    # torch's formula: grad by weight (all of its C/g columns), and input by grad (all C).
    as_torch = (
        (bool(for_input) + bool(for_weight) * groups) * 2 * math.prod(grad) * math.prod(w[1:])
    )
    return flops, as_torch


def _tensors(span: Span) -> Iterator[Any]:
    for value in span.event.extra_fields.inputs or ():
        if hasattr(value, "sizes"):
            yield value
        elif isinstance(value, list | tuple):
            yield from (item for item in value if hasattr(item, "sizes"))


def _moved_bytes(span: Span) -> int:
    """Return what an operator read and wrote; of one that is made of others, what those did."""
    inner = [child for child in span.children if child.is_operator and child.name not in VIEWS]
    if inner:
        return sum(_moved_bytes(child) for child in inner)
    if span.name in VIEWS:
        return 0
    read: int = sum(math.prod(t.sizes) * t.dtype.itemsize for t in _tensors(span))
    written = sum(allocated_by(inside.event) for inside in span.walk())
    return read + (written or _unseen_output_bytes(span))


def _unseen_output_bytes(span: Span) -> int:
    """Return the bytes of a convolution's output where oneDNN allocated it unseen."""
    if "convolution" not in span.name or "backward" in span.name:
        return 0
    itemsize: int = next(_tensors(span)).dtype.itemsize
    return _convolution(span).output_elements * itemsize
