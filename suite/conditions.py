"""Under which conditions a problem is computed: device, dtype, direction, threads, values …

A scenario is a problem and these; scenario/ reads files of them.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from suite.epilogues import NONE
from suite.errors import UsageError
from suite.geometry import Shape
from suite.problem import Problem
from suite.values import NORMAL, TRAINED, VALUES

Direction = Literal["forward", "backward_data", "backward_weight"]

DTYPE_BYTES = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}
UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
"""What rounding the exact result makes, relative to it."""
SIXTEEN_BIT = tuple(name for name, size in DTYPE_BYTES.items() if size == 2)
DIRECTIONS: tuple[Direction, ...] = ("forward", "backward_data", "backward_weight")
MEMORY_FORMATS = ("contiguous", "channels_last")
CACHE_STATES = ("hot", "cold")
DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,9})?")
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

    @functools.cached_property
    def result_shape(self) -> Shape:
        """Shape of what the timed call returns in this direction; asked for at every sample."""
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
