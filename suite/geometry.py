"""What is convolved with what: the sizes of one convolution, and all that follows from them.

Letters of the literature, as used in docstrings: N batch, C input channels, K output channels,
H×W input, R×S kernel, P×Q output (`out_h`, `out_w`), g groups.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from suite.epilogues import NONE, adds
from suite.kinds import AXES_OF, TRANSPOSED, Pair, Sizes

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """A problem's sizes, which nobody has checked yet, and what follows from them.

    Large and small, wherever they are spoken of, are the two sides of a stride: a convolution's
    input and output, a transposed one's output and input.
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
    def padded_size(self) -> Sizes:
        """Of the input with its padding."""
        return self._padded[3 - self.axes :]

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

    @functools.cached_property
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
