"""What is computed: one convolution, frozen and known to be one.

`geometry` has its sizes and what follows from them, `problem_faults` what they may not be; under
which conditions it is computed stands in `conditions`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from suite.epilogues import NONE
from suite.errors import UsageError
from suite.geometry import Geometry
from suite.kinds import KINDS, axis_fields, each_axis, side_fields
from suite.problem_faults import faults_of


@dataclass(frozen=True, kw_only=True)
class Problem(Geometry):
    """One convolution of 1, 2 or 3 axes, or one transposed. Sizes only: no data, device or dtype.

    A kind of fewer axes than three has size 1, kernel 1, stride 1, dilation 1 and no padding along
    those that it lacks. What torch takes (`stride`, `padding`, `input_shape`, …) are properties,
    with a number for each axis that there is.

    Raises:
        UsageError: when the sizes do not describe a convolution; all faults in one message.
    """

    def __post_init__(self) -> None:
        if faults := faults_of(self):
            raise UsageError("; ".join(faults))

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
            **axis_fields("size", self.padded_size),
            **side_fields([(0, 0)] * self.axes),
        }
        return dataclasses.replace(self, **changed)

    def plain(self) -> Problem:
        """Return the problem without its epilogue."""
        return self if self.epilogue == NONE else dataclasses.replace(self, epilogue=NONE)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


PROBLEM_FIELDS = tuple(
    field.name for field in dataclasses.fields(Problem) if field.name != "epilogue"
)
"""Sizes and counts, the kind, and whether there is a bias."""
FIELDS_OF_CONV2D = PROBLEM_FIELDS[: PROBLEM_FIELDS.index("kind")]
"""What there was to a problem before there were other kinds; tables have these in one place."""
FIELDS_OF_OTHER_KINDS = PROBLEM_FIELDS[PROBLEM_FIELDS.index("kind") :]
