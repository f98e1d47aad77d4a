"""What is wrong with sizes that are no convolution: one text for each fault.

The checks stand in an order, each for sizes that passed the ones before: what a single number may
be, what a kind has, what fits each other, and what a machine can hold.
"""

from __future__ import annotations

import dataclasses
import math

from suite.epilogues import EPILOGUES
from suite.errors import did_you_mean
from suite.geometry import Geometry
from suite.kinds import AXES_OF, AXIS_NAMES, FIELDS_OF_AXES, KINDS, SIDES

MOST_ELEMENTS = 2**48
"""Of one tensor: 1 PiB in float32. No address of today's processors reaches beyond."""
MOST_OPERATIONS = 2**63
"""Of one call: a day at 100 TFLOP/s, and what tables of whole numbers can hold."""
_LEAST = {
    name: 0
    if name in ("batch_size", "in_channels") or name.startswith(("pad_", "output_pad_"))
    else 1
    for name in (field.name for field in dataclasses.fields(Geometry))
    if name not in ("bias", "kind", "epilogue")
}
"""Field → the least that it may be."""


def faults_of(problem: Geometry) -> list[str]:
    """Return all that is wrong by the first check that finds anything; none where all is well."""
    if problem.kind not in AXES_OF:
        near = did_you_mean(str(problem.kind), KINDS)
        return [f"kind is {problem.kind!r}; accepted: {', '.join(KINDS)}.{near}"]
    faults = [
        f"{name} is {getattr(problem, name)}, it must be {least} or more"
        for name, least in _LEAST.items()
        if getattr(problem, name) < least
    ]
    return faults or _of_kind(problem) or _together(problem) or _excess(problem)


def _of_kind(problem: Geometry) -> list[str]:
    """Return what is said of an axis that the kind has not, or of a transposed one's output."""
    if problem.kind == "conv2d" and _has_two_axes_only(problem):
        return []
    faults = [
        f"{name} is {getattr(problem, name)}, and {problem.kind} has no {axis}; it must be {usual}"
        for axis, names in zip(AXIS_NAMES[: 3 - problem.axes], FIELDS_OF_AXES, strict=False)
        for name, usual in names.items()
        if getattr(problem, name) != usual
    ]
    if problem.is_transposed:
        faults += [
            f"{first} is {getattr(problem, first)} and {second} {getattr(problem, second)}; a "
            "transposed convolution takes one padding for both sides"
            for first, second in SIDES
            if getattr(problem, first) != getattr(problem, second)
        ]
    elif any(problem.output_padding):
        faults.append(
            f"output_padding is {list(problem.output_padding)}, and {problem.kind} has none; did "
            f'you mean "kind: {problem.kind.replace("conv", "conv_transpose")}"?'
        )
    return faults


def _has_two_axes_only(problem: Geometry) -> bool:
    beyond = (problem.depth, problem.kernel_d, problem.stride_d, problem.dilation_d)
    pads = (problem.pad_front, problem.pad_back)
    output = (problem.output_pad_d, problem.output_pad_h, problem.output_pad_w)
    return beyond == (1, 1, 1, 1) and not any(pads) and not any(output)


def _together(problem: Geometry) -> list[str]:
    """Return what does not fit each other; each by itself is within its bounds."""
    faults = []
    if problem.epilogue not in EPILOGUES:
        faults.append(
            f"epilogue is {problem.epilogue!r}; accepted: {', '.join(EPILOGUES)}."
            f"{did_you_mean(str(problem.epilogue), EPILOGUES)}"
        )
    for name in ("in_channels", "out_channels"):
        if getattr(problem, name) % problem.groups:
            faults.append(
                f"groups {problem.groups} does not divide {name} {getattr(problem, name)}; "
                "choose groups that divide both channel counts"
            )
    return faults + (_of_output if problem.is_transposed else _of_kernel)(problem)


def _of_kernel(problem: Geometry) -> list[str]:
    names = AXIS_NAMES[3 - problem.axes :]
    axes = zip(names, problem.padded_size, problem.effective_kernel, strict=True)
    return [
        f"the kernel covers {kernel} along the {axis}, the padded input has only "
        f"{size}; use a larger input, more padding or a smaller kernel or dilation"
        for axis, size, kernel in axes
        if kernel > size
    ]


def _of_output(problem: Geometry) -> list[str]:
    """Return what leaves a transposed convolution's output undecided, or nothing of it."""
    faults = []
    axes = zip(
        AXIS_NAMES[3 - problem.axes :],
        problem.stride,
        problem.dilation,
        problem.output_padding,
        problem.output_size,
        strict=True,
    )
    for axis, stride, dilation, output_pad, size in axes:
        if output_pad and output_pad >= max(stride, dilation):
            faults.append(
                f"output_padding is {output_pad} along the {axis}; it must be smaller than "
                f"the stride {stride} or the dilation {dilation}, which leave no output "
                "undecided beyond that"
            )
        elif size < 1:
            faults.append(
                f"padding takes all of the output along the {axis}, which has {size}; use a "
                "larger input or kernel, or less padding"
            )
    return faults


def _excess(problem: Geometry) -> list[str]:
    """Return what is beyond any machine; sizes fit each other."""
    padded = math.prod(problem.input_size if problem.is_transposed else problem.padded_size)
    faults = [
        f"the {tensor} has {elements} elements, more than the {MOST_ELEMENTS} that a machine "
        "can address"
        for tensor, elements in (
            ("input", problem.batch_size * problem.in_channels * padded),
            ("weight", problem.weight_elements),
            ("output", problem.output_elements),
        )
        if elements > MOST_ELEMENTS
    ]
    if not faults and problem.direct_flops >= MOST_OPERATIONS:
        faults.append(
            f"one call takes {problem.direct_flops} operations, and {MOST_OPERATIONS} are the most"
        )
    return faults
