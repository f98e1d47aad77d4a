"""What is computed, and under which conditions: the frozen problem and scenario.

Letters of the literature, as used in docstrings: N batch, C input channels, K output channels,
H×W input, R×S kernel, P×Q output (`out_h`, `out_w`), g groups.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from suite.epilogues import EPILOGUES, NONE, adds
from suite.errors import UsageError, did_you_mean
from suite.kinds import (
    AXES_OF,
    AXIS_NAMES,
    FIELDS_OF_AXES,
    KINDS,
    SIDES,
    TRANSPOSED,
    Pair,
    Sizes,
    axis_fields,
    each_axis,
    side_fields,
)
from suite.values import NORMAL, TRAINED, VALUES

Shape = tuple[int, ...]
Direction = Literal["forward", "backward_data", "backward_weight"]

DTYPE_BYTES = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}
SIXTEEN_BIT = tuple(name for name, size in DTYPE_BYTES.items() if size == 2)
DIRECTIONS: tuple[Direction, ...] = ("forward", "backward_data", "backward_weight")
MEMORY_FORMATS = ("contiguous", "channels_last")
CACHE_STATES = ("hot", "cold")
DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,9})?")
MOST_ELEMENTS = 2**48
"""Of one tensor: 1 PiB in float32. No address of today's processors reaches beyond."""
MOST_OPERATIONS = 2**63
"""Of one call: a day at 100 TFLOP/s, and what tables of whole numbers can hold."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One convolution of 1, 2 or 3 axes, or one transposed. Sizes only: no data, device or dtype.

    A kind of fewer axes than three has size 1, kernel 1, stride 1, dilation 1 and no padding along
    those that it lacks. What torch takes (`stride`, `padding`, `input_shape`, …) are properties,
    with a number for each axis that there is. Large and small, wherever they are spoken of, are the
    two sides of a stride: a convolution's input and output, a transposed one's output and input.

    Raises:
        UsageError: when the sizes do not describe a convolution; all faults in one message.
    """

    batch_size: int
    in_channels: int
    height: int
    width: int
    out_channels: int
    kernel_h: int
    kernel_w: int
    stride_h: int = 1
    stride_w: int = 1
    pad_top: int = 0
    pad_bottom: int = 0
    pad_left: int = 0
    pad_right: int = 0
    dilation_h: int = 1
    dilation_w: int = 1
    groups: int = 1
    bias: bool = False
    epilogue: str = NONE
    """What follows at once: one of `suite.epilogues.EPILOGUES`."""
    # Beyond what a problem of two axes needs.
    kind: str = "conv2d"
    depth: int = 1
    kernel_d: int = 1
    stride_d: int = 1
    pad_front: int = 0
    pad_back: int = 0
    dilation_d: int = 1
    output_pad_d: int = 0
    output_pad_h: int = 0
    output_pad_w: int = 0

    def __post_init__(self) -> None:
        faults = self._faults()
        if faults:
            raise UsageError("; ".join(faults))

    def _faults(self) -> list[str]:
        if self.kind not in AXES_OF:
            near = did_you_mean(str(self.kind), KINDS)
            return [f"kind is {self.kind!r}; accepted: {', '.join(KINDS)}.{near}"]
        faults = [
            f"{name} is {getattr(self, name)}, it must be {least} or more"
            for name, least in _LEAST.items()
            if getattr(self, name) < least
        ]
        return faults or self._faults_of_kind() or self._faults_together()

    def _faults_of_kind(self) -> list[str]:
        """Return what is said of an axis that the kind has not, or of a transposed one's output."""
        if self.kind == "conv2d" and self._has_two_axes_only:
            return []
        faults = [
            f"{name} is {getattr(self, name)}, and {self.kind} has no {axis}; it must be {usual}"
            for axis, names in zip(AXIS_NAMES[: 3 - self.axes], FIELDS_OF_AXES, strict=False)
            for name, usual in names.items()
            if getattr(self, name) != usual
        ]
        if self.is_transposed:
            faults += [
                f"{first} is {getattr(self, first)} and {second} {getattr(self, second)}; a "
                "transposed convolution takes one padding for both sides"
                for first, second in SIDES
                if getattr(self, first) != getattr(self, second)
            ]
        else:
            faults += [
                f"output_padding is {list(self.output_padding)}, and {self.kind} has none; did you "
                f'mean "kind: {self.kind.replace("conv", "conv_transpose")}"?'
                for _ in range(any(self.output_padding))
            ]
        return faults

    @property
    def _has_two_axes_only(self) -> bool:
        beyond = (self.depth, self.kernel_d, self.stride_d, self.dilation_d)
        pads = (self.pad_front, self.pad_back)
        output = (self.output_pad_d, self.output_pad_h, self.output_pad_w)
        return beyond == (1, 1, 1, 1) and not any(pads) and not any(output)

    def _faults_together(self) -> list[str]:
        """Return what does not fit each other; each by itself is within its bounds."""
        faults = []
        if self.epilogue not in EPILOGUES:
            faults.append(
                f"epilogue is {self.epilogue!r}; accepted: {', '.join(EPILOGUES)}."
                f"{did_you_mean(str(self.epilogue), EPILOGUES)}"
            )
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % self.groups:
                faults.append(
                    f"groups {self.groups} does not divide {name} {getattr(self, name)}; "
                    "choose groups that divide both channel counts"
                )
        checks = self._transposed_faults if self.is_transposed else self._kernel_faults
        return [*faults, *checks()] or self._excess()

    def _kernel_faults(self) -> list[str]:
        covered = zip(AXIS_NAMES, self._padded, self._covered, strict=True)
        return [
            f"the kernel covers {kernel} along the {axis}, the padded input has only "
            f"{size}; use a larger input, more padding or a smaller kernel or dilation"
            for axis, size, kernel in covered
            if kernel > size
        ]

    def _transposed_faults(self) -> list[str]:
        faults = []
        axes = zip(
            AXIS_NAMES, self._strides, self._dilations, self._output_pads, self._out, strict=True
        )
        for axis, stride, dilation, output_pad, out in axes:
            if output_pad and output_pad >= max(stride, dilation):
                faults.append(
                    f"output_padding is {output_pad} along the {axis}; it must be smaller than "
                    f"the stride {stride} or the dilation {dilation}, which leave no output "
                    "undecided beyond that"
                )
            elif out < 1:
                faults.append(
                    f"padding takes all of the output along the {axis}, which has {out}; use a "
                    "larger input or kernel, or less padding"
                )
        return faults

    def _excess(self) -> list[str]:
        """Return what is beyond any machine; sizes fit each other."""
        padded = math.prod(self._padded if not self.is_transposed else self._sizes)
        faults = [
            f"the {tensor} has {elements} elements, more than the {MOST_ELEMENTS} that a machine "
            "can address"
            for tensor, elements in (
                ("input", self.batch_size * self.in_channels * padded),
                ("weight", self.weight_elements),
                ("output", self.output_elements),
            )
            if elements > MOST_ELEMENTS
        ]
        if not faults and self.direct_flops >= MOST_OPERATIONS:
            faults.append(
                f"one call takes {self.direct_flops} operations, and {MOST_OPERATIONS} are the most"
            )
        return faults

    @property
    def axes(self) -> int:
        """How many spatial axes there are: 1, 2 or 3."""
        return AXES_OF[self.kind]

    @property
    def is_transposed(self) -> bool:
        return self.kind in TRANSPOSED

    # Three numbers each, whatever the kind: depth, height, width.

    @property
    def _sizes(self) -> Sizes:
        return self.depth, self.height, self.width

    @property
    def _kernels(self) -> Sizes:
        return self.kernel_d, self.kernel_h, self.kernel_w

    @property
    def _strides(self) -> Sizes:
        return self.stride_d, self.stride_h, self.stride_w

    @property
    def _dilations(self) -> Sizes:
        return self.dilation_d, self.dilation_h, self.dilation_w

    @property
    def _output_pads(self) -> Sizes:
        return self.output_pad_d, self.output_pad_h, self.output_pad_w

    @property
    def _pads(self) -> tuple[Pair, Pair, Pair]:
        return (
            (self.pad_front, self.pad_back),
            (self.pad_top, self.pad_bottom),
            (self.pad_left, self.pad_right),
        )

    @property
    def _padded(self) -> Sizes:
        return self.padded_d, self.padded_h, self.padded_w

    @property
    def _covered(self) -> Sizes:
        return self.effective_kernel_d, self.effective_kernel_h, self.effective_kernel_w

    @property
    def _out(self) -> Sizes:
        return self.out_d, self.out_h, self.out_w

    @property
    def padded_d(self) -> int:
        return self.depth + self.pad_front + self.pad_back

    @property
    def padded_h(self) -> int:
        return self.height + self.pad_top + self.pad_bottom

    @property
    def padded_w(self) -> int:
        return self.width + self.pad_left + self.pad_right

    @property
    def effective_kernel_d(self) -> int:
        """Planes that the dilated kernel covers."""
        return (self.kernel_d - 1) * self.dilation_d + 1

    @property
    def effective_kernel_h(self) -> int:
        """Rows that the dilated kernel covers."""
        return (self.kernel_h - 1) * self.dilation_h + 1

    @property
    def effective_kernel_w(self) -> int:
        return (self.kernel_w - 1) * self.dilation_w + 1

    @property
    def out_d(self) -> int:
        return self._outputs(0)

    @property
    def out_h(self) -> int:
        return self._outputs(1)

    @property
    def out_w(self) -> int:
        return self._outputs(2)

    def _outputs(self, axis: int) -> int:
        size, stride, covered = self._sizes[axis], self._strides[axis], self._covered[axis]
        pads = sum(self._pads[axis])
        if self.is_transposed:
            return (size - 1) * stride + covered - pads + self._output_pads[axis]
        return (size + pads - covered) // stride + 1

    # As torch takes them: a number for each axis that the kind has.

    @property
    def input_size(self) -> Sizes:
        return self._sizes[3 - self.axes :]

    @property
    def output_size(self) -> Sizes:
        return self._out[3 - self.axes :]

    @property
    def kernel(self) -> Sizes:
        return self._kernels[3 - self.axes :]

    @property
    def effective_kernel(self) -> Sizes:
        """What the dilated kernel covers along each axis."""
        return self._covered[3 - self.axes :]

    @property
    def stride(self) -> Sizes:
        return self._strides[3 - self.axes :]

    @property
    def dilation(self) -> Sizes:
        return self._dilations[3 - self.axes :]

    @property
    def pads(self) -> tuple[Pair, ...]:
        """Padding before and behind, along each axis."""
        return self._pads[3 - self.axes :]

    @property
    def padding(self) -> Sizes:
        """Padding as torch takes it; all 0 where it is asymmetric: see `as_called`."""
        if self.is_asymmetric:
            return (0,) * self.axes
        return tuple(before for before, _ in self.pads)

    @property
    def output_padding(self) -> Sizes:
        return self._output_pads[3 - self.axes :]

    @property
    def is_asymmetric(self) -> bool:
        return (
            self.pad_top != self.pad_bottom
            or self.pad_left != self.pad_right
            or self.pad_front != self.pad_back
        )

    @property
    def is_padded(self) -> bool:
        return any(map(any, self._pads))

    @property
    def is_strided(self) -> bool:
        return max(self._strides) > 1

    @property
    def is_dilated(self) -> bool:
        return max(self._dilations) > 1

    @property
    def is_depthwise(self) -> bool:
        return self.groups == self.in_channels > 1

    @property
    def input_shape(self) -> Shape:
        return self.batch_size, self.in_channels, *self.input_size

    @property
    def weight_shape(self) -> Shape:
        """(K, C/g, …); of a transposed convolution (C, K/g, …)."""
        if self.is_transposed:
            return self.in_channels, self.out_channels // self.groups, *self.kernel
        return self.out_channels, self.in_channels // self.groups, *self.kernel

    @property
    def output_shape(self) -> Shape:
        return self.batch_size, self.out_channels, *self.output_size

    @property
    def input_elements(self) -> int:
        return self.batch_size * self.in_channels * math.prod(self._sizes)

    @property
    def taps(self) -> int:
        """Places of the kernel: R · S."""
        return self.kernel_d * self.kernel_h * self.kernel_w

    @property
    def weight_elements(self) -> int:
        return self.in_channels * self.out_channels // self.groups * self.taps

    @property
    def output_elements(self) -> int:
        return self.batch_size * self.out_channels * math.prod(self._out)

    @property
    def residual_elements(self) -> int:
        """Of what the epilogue adds: as many as the output's, or none."""
        return self.output_elements if adds(self.epilogue) else 0

    @property
    def reduction_length(self) -> int:
        """Products summed into one output element, at most: C/g · R · S.

        In a transposed convolution those taps alone that fall upon an input: each stride-th, where
        stride and dilation have no common divisor.
        """
        taps = self.taps
        if self.is_transposed:
            axes = zip(self._kernels, self._strides, self._dilations, strict=True)
            taps = math.prod(
                -(-kernel // (stride // math.gcd(stride, dilation)))
                for kernel, stride, dilation in axes
            )
        return self.in_channels // self.groups * taps

    @property
    def direct_flops(self) -> int:
        """Operations of the textbook sum, a multiply and an add each counted once.

        A transposed convolution's textbook adds each input times each tap.
        """
        if self.is_transposed:
            return 2 * self.input_elements * self.out_channels // self.groups * self.taps
        return 2 * self.output_elements * self.reduction_length

    def least_bytes(self, itemsize: int) -> int:
        """Bytes that any method has to move: each tensor once, `itemsize` bytes an element."""
        bias = self.out_channels if self.bias else 0
        elements = self.input_elements + self.weight_elements + self.output_elements + bias
        return itemsize * (elements + self.residual_elements)

    @classmethod
    def of_call(
        cls,
        input_shape: tuple[int, ...],
        weight_shape: tuple[int, ...],
        *,
        bias: bool = False,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        transposed: bool = False,
        output_padding: int | Sequence[int] = 0,
    ) -> Problem:
        """Return the problem that a call of torch's with these arguments solves.

        How many axes it has follows from the input's shape, (N, C, …).
        """
        axes = len(input_shape) - 2
        kind = f"conv{'_transpose' if transposed else ''}{axes}d"
        if len(weight_shape) != len(input_shape) or kind not in KINDS:
            raise UsageError(
                f"an input of shape {tuple(input_shape)} and a weight of shape "
                f"{tuple(weight_shape)}: both need a batch or channels, channels, and 1 to 3 axes"
            )
        batch_size, in_channels, *sizes = input_shape
        first, second, *kernel = weight_shape
        pads = each_axis(padding, axes)
        of_axes: dict[str, Any] = {
            **axis_fields("size", sizes),
            **axis_fields("kernel", kernel),
            **axis_fields("stride", each_axis(stride, axes)),
            **axis_fields("dilation", each_axis(dilation, axes)),
            **axis_fields("output_pad", each_axis(output_padding, axes)),
            **side_fields([(pad, pad) for pad in pads]),
        }
        return cls(
            batch_size=batch_size,
            in_channels=in_channels,
            out_channels=second * groups if transposed else first,
            groups=groups,
            bias=bias,
            kind=kind,
            **of_axes,
        )

    def as_called(self) -> Problem:
        """Return the problem as an implementation sees it: asymmetric padding already applied."""
        if not self.is_asymmetric:
            return self
        changed: dict[str, Any] = {
            **axis_fields("size", self._padded[3 - self.axes :]),
            **side_fields([(0, 0)] * self.axes),
        }
        return dataclasses.replace(self, **changed)

    def plain(self) -> Problem:
        """Return the problem without its epilogue."""
        return self if self.epilogue == NONE else dataclasses.replace(self, epilogue=NONE)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


_LEAST = {
    name: 0
    if name in ("batch_size", "in_channels") or name.startswith(("pad_", "output_pad_"))
    else 1
    for name in (field.name for field in dataclasses.fields(Problem))
    if name not in ("bias", "kind", "epilogue")
}
"""Field of a problem → the least that it may be."""


PROBLEM_FIELDS = tuple(
    field.name for field in dataclasses.fields(Problem) if field.name != "epilogue"
)
"""Sizes and counts, the kind, and whether there is a bias."""
FIELDS_OF_CONV2D = PROBLEM_FIELDS[: PROBLEM_FIELDS.index("kind")]
"""What there was to a problem before there were other kinds; tables have these in one place."""
FIELDS_OF_OTHER_KINDS = PROBLEM_FIELDS[PROBLEM_FIELDS.index("kind") :]
MOST_COUNT = 2**31 - 1
_CONDITIONS: dict[str, tuple[str | None, ...]] = {
    "dtype": tuple(DTYPE_BYTES),
    "memory_format": MEMORY_FORMATS,
    "direction": DIRECTIONS,
    "cache": (None, *CACHE_STATES),
    "values": VALUES,
    "weight_values": VALUES,
}
"""Field of a scenario → what there is."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A problem and the conditions it runs under. `id` is unique within a run.

    Raises:
        UsageError: a condition that there is not.
    """

    id: str
    problem: Problem
    device: str = "cpu"
    dtype: str = "float32"
    memory_format: str = "contiguous"
    direction: Direction = "forward"
    threads: int | None = None
    """None: as many as the run was given."""
    cache: str | None = None
    """"hot", "cold", or None: what is usual on the device, see `cache_state`."""
    occurrences: int = 1
    """How often the layer stands in its network: the weight in totals."""
    source: str = ""
    """Name of the scenario file it came from."""
    values: str = NORMAL
    """What inputs, gradients and residuals are in timed calls: one of `suite.values.VALUES`."""
    weight_values: str = NORMAL
    """The same of weight and bias."""
    stored_values: str | None = None
    """Path of the file with a network's own, which `trained` takes; None: there is none."""

    def __post_init__(self) -> None:
        for name, accepted in _CONDITIONS.items():
            if getattr(self, name) not in accepted:
                raise UsageError(
                    f"{name} is {getattr(self, name)!r}; accepted: {', '.join(map(str, accepted))}"
                )
        if self.problem.epilogue != NONE and self.direction != "forward":
            raise UsageError(
                f"epilogue {self.problem.epilogue} stands in the forward pass only; this is "
                f"{self.direction}"
            )
        if not DEVICE.fullmatch(self.device):
            raise UsageError(f"device is {self.device!r}; accepted: cpu, cuda, cuda:0, cuda:1, ...")
        for name in ("threads", "occurrences"):
            number = getattr(self, name)
            if number is not None and not 1 <= number <= MOST_COUNT:
                raise UsageError(f"{name} is {number}; accepted: 1 to {MOST_COUNT}")

    @property
    def itemsize(self) -> int:
        return DTYPE_BYTES[self.dtype]

    @property
    def on_cuda(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def is_sixteen_bit_on_cpu(self) -> bool:
        """Whether its type is one that few processors compute, and libraries only on some."""
        return self.dtype in SIXTEEN_BIT and not self.on_cuda

    @property
    def cache_state(self) -> str:
        """What the caches hold before a timed call: on a GPU nothing unless it is asked for.

        A GPU's L2 holds whole layers, so that a call repeated on the same data would be timed
        without its memory traffic; between two calls of a network other layers pass through.
        """
        return self.cache or ("cold" if self.on_cuda else "hot")

    @property
    def has_usual_values(self) -> bool:
        """Whether all operands of timed calls are normal numbers."""
        return self.values == self.weight_values == NORMAL

    @property
    def stores_varying(self) -> bool:
        """Whether what differs from call to call is made of stored values: inputs alone are."""
        is_asked = self.values == TRAINED and self.stored_values is not None
        return is_asked and self.direction == "forward"

    @property
    def least_bytes(self) -> int:
        return self.problem.least_bytes(self.itemsize)

    @property
    def result_shape(self) -> Shape:
        """Shape of what the timed call returns in this direction."""
        return {
            "forward": self.problem.output_shape,
            "backward_data": self.problem.input_shape,
            "backward_weight": self.problem.weight_shape,
        }[self.direction]

    @property
    def reduction_length(self) -> int:
        """Products summed into one element of the result, at most."""
        problem = self.problem
        small = problem.input_size if problem.is_transposed else problem.output_size
        return {
            "forward": problem.reduction_length,
            "backward_data": problem.out_channels // problem.groups * problem.taps,
            "backward_weight": problem.batch_size * math.prod(small),
        }[self.direction]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
