"""What is computed, and under which conditions: the frozen problem and scenario.

Letters of the literature, as used in docstrings: N batch, C input channels, K output channels,
H×W input, R×S kernel, P×Q output (`out_h`, `out_w`), g groups.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Literal

from suite.epilogues import EPILOGUES, NONE, adds
from suite.errors import UsageError, did_you_mean

Pair = tuple[int, int]
Shape = tuple[int, int, int, int]
Direction = Literal["forward", "backward_data", "backward_weight"]

DTYPE_BYTES = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}
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
    """One 2-D convolution. Sizes only: no data, no device, no dtype.

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

    def __post_init__(self) -> None:
        faults = self._faults()
        if faults:
            raise UsageError("; ".join(faults))

    def _faults(self) -> list[str]:
        faults = []
        if self.epilogue not in EPILOGUES:
            faults.append(
                f"epilogue is {self.epilogue!r}; accepted: {', '.join(EPILOGUES)}."
                f"{did_you_mean(str(self.epilogue), EPILOGUES)}"
            )
        for name in ("batch_size", "in_channels", "pad_top", "pad_bottom", "pad_left", "pad_right"):
            if getattr(self, name) < 0:
                faults.append(f"{name} is {getattr(self, name)}, it must be 0 or more")
        for name in (
            "height",
            "width",
            "out_channels",
            "kernel_h",
            "kernel_w",
            "stride_h",
            "stride_w",
            "dilation_h",
            "dilation_w",
            "groups",
        ):
            if getattr(self, name) < 1:
                faults.append(f"{name} is {getattr(self, name)}, it must be 1 or more")
        if faults:
            return faults
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % self.groups:
                faults.append(
                    f"groups {self.groups} does not divide {name} {getattr(self, name)}; "
                    "choose groups that divide both channel counts"
                )
        for axis, size, kernel in (
            ("height", self.padded_h, self.effective_kernel_h),
            ("width", self.padded_w, self.effective_kernel_w),
        ):
            if kernel > size:
                faults.append(
                    f"the kernel covers {kernel} along the {axis}, the padded input has only "
                    f"{size}; use a larger input, more padding or a smaller kernel or dilation"
                )
        return faults or self._excess()

    def _excess(self) -> list[str]:
        """Return what is beyond any machine; sizes fit each other."""
        faults = [
            f"the {tensor} has {elements} elements, more than the {MOST_ELEMENTS} that a machine "
            "can address"
            for tensor, elements in (
                ("input", self.batch_size * self.in_channels * self.padded_h * self.padded_w),
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
    def padded_h(self) -> int:
        return self.height + self.pad_top + self.pad_bottom

    @property
    def padded_w(self) -> int:
        return self.width + self.pad_left + self.pad_right

    @property
    def effective_kernel_h(self) -> int:
        """Rows that the dilated kernel covers."""
        return (self.kernel_h - 1) * self.dilation_h + 1

    @property
    def effective_kernel_w(self) -> int:
        return (self.kernel_w - 1) * self.dilation_w + 1

    @property
    def out_h(self) -> int:
        return (self.padded_h - self.effective_kernel_h) // self.stride_h + 1

    @property
    def out_w(self) -> int:
        return (self.padded_w - self.effective_kernel_w) // self.stride_w + 1

    @property
    def stride(self) -> Pair:
        return self.stride_h, self.stride_w

    @property
    def dilation(self) -> Pair:
        return self.dilation_h, self.dilation_w

    @property
    def kernel(self) -> Pair:
        return self.kernel_h, self.kernel_w

    @property
    def padding(self) -> Pair:
        """Padding as `conv2d` takes it; (0, 0) where it is asymmetric: see `as_called`."""
        return (0, 0) if self.is_asymmetric else (self.pad_top, self.pad_left)

    @property
    def is_asymmetric(self) -> bool:
        return self.pad_top != self.pad_bottom or self.pad_left != self.pad_right

    @property
    def is_depthwise(self) -> bool:
        return self.groups == self.in_channels > 1

    @property
    def input_shape(self) -> Shape:
        return self.batch_size, self.in_channels, self.height, self.width

    @property
    def weight_shape(self) -> Shape:
        return self.out_channels, self.in_channels // self.groups, self.kernel_h, self.kernel_w

    @property
    def output_shape(self) -> Shape:
        return self.batch_size, self.out_channels, self.out_h, self.out_w

    @property
    def input_elements(self) -> int:
        return self.batch_size * self.in_channels * self.height * self.width

    @property
    def weight_elements(self) -> int:
        return self.out_channels * self.reduction_length

    @property
    def output_elements(self) -> int:
        return self.batch_size * self.out_channels * self.out_h * self.out_w

    @property
    def residual_elements(self) -> int:
        """Of what the epilogue adds: as many as the output's, or none."""
        return self.output_elements if adds(self.epilogue) else 0

    @property
    def reduction_length(self) -> int:
        """Products summed into one output element: C/g · R · S."""
        return self.in_channels // self.groups * self.kernel_h * self.kernel_w

    @property
    def direct_flops(self) -> int:
        """Operations of the textbook sum, a multiply and an add each counted once."""
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
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        dilation: Pair = (1, 1),
        groups: int = 1,
    ) -> Problem:
        """Return the problem that a `conv2d` call with these arguments solves."""
        n, c, h, w = input_shape
        k, _, r, s = weight_shape
        return cls(
            batch_size=n,
            in_channels=c,
            height=h,
            width=w,
            out_channels=k,
            kernel_h=r,
            kernel_w=s,
            stride_h=stride[0],
            stride_w=stride[1],
            pad_top=padding[0],
            pad_bottom=padding[0],
            pad_left=padding[1],
            pad_right=padding[1],
            dilation_h=dilation[0],
            dilation_w=dilation[1],
            groups=groups,
            bias=bias,
        )

    def as_called(self) -> Problem:
        """Return the problem as an implementation sees it: asymmetric padding already applied."""
        if not self.is_asymmetric:
            return self
        return dataclasses.replace(
            self,
            height=self.padded_h,
            width=self.padded_w,
            pad_top=0,
            pad_bottom=0,
            pad_left=0,
            pad_right=0,
        )

    def plain(self) -> Problem:
        """Return the problem without its epilogue."""
        return self if self.epilogue == NONE else dataclasses.replace(self, epilogue=NONE)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


PROBLEM_FIELDS = tuple(
    field.name for field in dataclasses.fields(Problem) if field.name != "epilogue"
)
"""Sizes and counts, and whether there is a bias."""
MOST_COUNT = 2**31 - 1
_CONDITIONS: dict[str, tuple[str | None, ...]] = {
    "dtype": tuple(DTYPE_BYTES),
    "memory_format": MEMORY_FORMATS,
    "direction": DIRECTIONS,
    "cache": (None, *CACHE_STATES),
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
    def cache_state(self) -> str:
        """What the caches hold before a timed call: on a GPU nothing unless it is asked for.

        A GPU's L2 holds whole layers, so that a call repeated on the same data would be timed
        without its memory traffic; between two calls of a network other layers pass through.
        """
        return self.cache or ("cold" if self.on_cuda else "hot")

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
        kernel = problem.kernel_h * problem.kernel_w
        return {
            "forward": problem.reduction_length,
            "backward_data": problem.out_channels // problem.groups * kernel,
            "backward_weight": problem.batch_size * problem.out_h * problem.out_w,
        }[self.direction]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
