"""A whole network as what is computed, beside the single convolution of `suite.problem`.

It has the parts of a `Problem` that measuring asks for, so that cells, blocks and gates are the
same. What varies from call to call is one row of numbers, all floating-point inputs one after the
other; what is judged is one row as well, all floating-point outputs, or with `train` gradients.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

from suite.conditions import DTYPE_BYTES, UNIT_ROUNDOFF, Scenario
from suite.epilogues import NONE
from suite.ranges import Count


@dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    """One tensor that a model is called with."""

    shape: tuple[int, ...]
    dtype: str | None
    """None: the model's own."""
    keyword: str | None
    """The argument's name; None: it is positional."""
    key: str | None
    """Its key where the argument is a dict of tensors."""

    def __str__(self) -> str:
        """Return it as the command line spells it."""
        name = f"{self.keyword or ''}{f'[{self.key}]' if self.key else ''}"
        sizes = "x".join(map(str, self.shape))
        return f"{f'{name}=' if name else ''}{sizes}{f':{self.dtype}' if self.dtype else ''}"

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """Sums of a model's outputs, each element with a sign of its own: equal models have equal ones.

    The norm of the difference of two is about the norm of the difference of what was returned.
    """

    dtype: str
    """That it was computed in."""
    sums: tuple[float, ...]

    def distance(self, other: Sketch) -> float:
        """Return how far another model's is from this one's, relative to this one's."""
        size = math.hypot(*self.sums)
        apart = math.dist(self.sums, other.sums)
        return apart / size if size else (math.inf if apart else 0.0)

    def is_alike(self, other: Sketch) -> bool:
        """Whether both are of one function, as far as the rounding of their types lets it be seen.

        Where two orders of the same sums part, they do by some units in the last place.
        """
        coarser = max(UNIT_ROUNDOFF[self.dtype], UNIT_ROUNDOFF[other.dtype])
        return self.distance(other) <= math.sqrt(coarser)


@dataclass(frozen=True, kw_only=True)
class Network:
    """A model, what it is called with, and what one pass showed. No data."""

    module: str
    """The path of a .py file, or a dotted name."""
    name: str
    """What the model, or what builds it, is called there."""
    folder: str = dataclasses.field(compare=False)
    """That dotted names are found from."""
    inputs: tuple[Input, ...]
    """Each with its dtype."""
    dtype: str | None
    """What the model is converted to; None: as it is built."""
    train: bool
    """Whether a call is a step: forward, backward, and what an optimizer writes."""
    outputs: tuple[Count, ...]
    """Elements of each tensor that is judged."""
    direct_flops: Count
    """Operations of its convolutions and matrix products as textbook sums, backward included."""
    parameter_bytes: Count
    convolutions: Count
    """Calls of 2-D convolutions in one pass forward."""
    tree: str | None = dataclasses.field(default=None, compare=False)
    """A checkout that what the model imports is taken from first."""
    sketch: Sketch | None = dataclasses.field(default=None, compare=False)
    """What it returns for inputs that are always the same; None where an older version looked."""

    # What measuring asks of a problem.
    weight_elements = 0
    """The weights are the model's own: nobody draws them."""
    out_channels = 0
    bias = False
    epilogue = NONE
    residual_elements = 0
    groups = 1
    batch_size = 1
    height = 1
    """Where calls that are not timed begin in the streams."""

    @property
    def varying(self) -> tuple[Input, ...]:
        """The inputs that differ from call to call; the others are zeros of an integer type."""
        return tuple(entry for entry in self.inputs if entry.dtype in DTYPE_BYTES)

    @property
    def input_elements(self) -> int:
        return sum(entry.elements for entry in self.varying)

    @property
    def output_elements(self) -> int:
        return sum(self.outputs)

    @property
    def input_shape(self) -> tuple[int]:
        return (self.input_elements,)

    @property
    def weight_shape(self) -> tuple[int]:
        return (0,)

    @property
    def output_shape(self) -> tuple[int]:
        return (self.output_elements,)

    def least_bytes(self, itemsize: int) -> int:
        """Bytes that any way has to move: parameters, inputs and outputs once."""
        return self.parameter_bytes + itemsize * (self.input_elements + self.output_elements)

    def as_called(self) -> Network:
        return self

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @property
    def words(self) -> str:
        """Return "model.py:build, 1x3x224x224, one step of training"."""
        step = ", one step of training" if self.train else ""
        return f"{self.module}:{self.name}, {' '.join(map(str, self.inputs))}{step}"


@dataclass(frozen=True, kw_only=True)
class NetworkScenario(Scenario):
    """A network and the conditions it runs under."""

    # A Problem in name: whoever takes it for a convolution's asks `is_network` first.
    problem: Network  # type: ignore[assignment]
    workload: Literal["network"] = "network"

    @property
    def result_shape(self) -> tuple[int]:
        return self.problem.output_shape

    @property
    def reduction_length(self) -> int:
        return 1

    @property
    def is_sixteen_bit_on_cpu(self) -> bool:
        """No: which of its many kernels ran says nothing of the whole."""
        return False


AnyScenario = Scenario | NetworkScenario
"""As records hold it: which of them it is shows in its fields."""


def network_of(scenario: Scenario) -> Network | None:
    """Return the network that a scenario is about; None where it is one convolution."""
    return scenario.problem if isinstance(scenario, NetworkScenario) else None
