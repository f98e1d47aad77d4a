"""Mistakes in a convolution itself."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F

from suite.lessons.child.changes import (
    ALL,
    back_in_order,
    cropped,
    first_group_for_all,
    fitted,
    framed,
    interleaved_inputs,
    interleaved_outputs,
    not_conjugated,
    of_bias,
    of_input,
    of_kernel,
    of_sides,
    padded_as,
    shifted,
    square,
    without_wrapping,
    zeroed,
)
from suite.lessons.child.mistakes import Mistake

FORWARD = (
    # The kernel
    Mistake(
        "flipped kernel",
        "the kernel is flipped: this is the mathematicians' convolution, and conv2d is a "
        "correlation",
        "the weight that multiplies x[p + r, q + s] is w[r, s], not w[R-1-r, S-1-s]",
        of_kernel(lambda w: w.flip(2, 3)),
    ),
    Mistake(
        "kernel's rows flipped",
        "the kernel is upside down",
        "row r of the kernel belongs to row p + r of the input",
        of_kernel(lambda w: w.flip(2)),
    ),
    Mistake(
        "kernel's columns flipped",
        "the kernel is mirrored left to right",
        "column s of the kernel belongs to column q + s of the input",
        of_kernel(lambda w: w.flip(3)),
    ),
    Mistake(
        "transposed kernel",
        "the kernel is transposed: rows and columns of its window are exchanged",
        "compare the order of the loops over r and s with the order of the indices of w",
        square(lambda w: w.transpose(2, 3)),
    ),
    Mistake(
        "kernel's last row missing",
        "the last row of the kernel is left out",
        "the loop over the kernel's rows has to reach R - 1: range(R), not range(R - 1)",
        lambda c: replace(c, w=zeroed(c.w, ALL, slice(c.w.shape[2] - 1), ALL)),
    ),
    Mistake(
        "kernel's last column missing",
        "the last column of the kernel is left out",
        "the loop over the kernel's columns has to reach S - 1: range(S), not range(S - 1)",
        lambda c: replace(c, w=zeroed(c.w, ALL, ALL, slice(c.w.shape[3] - 1))),
    ),
    Mistake(
        "kernel's last row and column missing",
        "the last row and the last column of the kernel are left out",
        "both loops over the kernel end one too early",
        lambda c: replace(c, w=zeroed(c.w, ALL, slice(c.w.shape[2] - 1), slice(c.w.shape[3] - 1))),
    ),
    Mistake(
        "only the last product",
        "each product overwrites the sum before it, so that only the last one is left",
        "a sum grows: += where there is =",
        of_kernel(lambda w: zeroed(w, slice(-1, None), slice(-1, None), slice(-1, None))),
    ),
    Mistake(
        "only the last product of a window",
        "within a window each product overwrites the one before it",
        "a sum grows: += where there is =, inside the loops over the window",
        of_kernel(lambda w: zeroed(w, ALL, slice(-1, None), slice(-1, None))),
    ),
    Mistake(
        "only the last row of a window",
        "of each window only the last row counts",
        "the sum is set to zero, or overwritten, in the loop over the kernel's rows",
        of_kernel(lambda w: zeroed(w, ALL, slice(-1, None), ALL)),
    ),
    Mistake(
        "mean of the window",
        "the sum over the window was divided by its size: a mean",
        "a convolution adds the products up; use sum, not mean",
        of_kernel(lambda w: w / (w.shape[2] * w.shape[3])),
    ),
    Mistake(
        "mean of all products",
        "the sum was divided by the number of its products: a mean",
        "a convolution adds the products up; use sum, not mean",
        of_kernel(lambda w: w / w[0].numel()),
    ),
    # Stride and dilation
    Mistake(
        "swapped stride",
        "the strides of rows and columns are exchanged",
        "stride is (rows, columns): the first moves the window down, the second to the right",
        lambda c: replace(c, stride=c.stride[::-1]) if c.stride[0] != c.stride[1] else None,
    ),
    Mistake(
        "stride left out",
        "the stride is ignored: the output has a value for every place of the window",
        "window p begins at row p·stride, and there are fewer windows",
        lambda c: replace(c, stride=(1, 1)) if c.stride != (1, 1) else None,
    ),
    Mistake(
        "stride left out, output cropped",
        "the output has the right size, but its windows are one apart instead of a stride",
        "window p begins at row p·stride_h, not at row p; the same for columns",
        lambda c: replace(c, stride=(1, 1)) if c.stride != (1, 1) else None,
        cropped,
    ),
    Mistake(
        "one stride for both axes",
        "the stride of the rows is used for the columns, too",
        "stride is a pair, one for each axis",
        lambda c: replace(c, stride=(c.stride[0],) * 2) if c.stride[0] != c.stride[1] else None,
        fitted,
    ),
    Mistake(
        "swapped dilation",
        "the dilations of rows and columns are exchanged",
        "dilation is (rows, columns)",
        lambda c: replace(c, dilation=c.dilation[::-1]) if c.dilation[0] != c.dilation[1] else None,
    ),
    Mistake(
        "dilation left out",
        "the dilation is ignored: the window has no holes",
        "the product of tap r reads row p·stride + r·dilation",
        lambda c: replace(c, dilation=(1, 1)) if c.dilation != (1, 1) else None,
    ),
    Mistake(
        "dilation left out, output cropped",
        "the output has the right size, but the window has no holes",
        "the product of tap r reads row p·stride + r·dilation, not row p·stride + r",
        lambda c: replace(c, dilation=(1, 1)) if c.dilation != (1, 1) else None,
        cropped,
    ),
    Mistake(
        "stride and dilation exchanged",
        "stride and dilation are exchanged",
        "stride is between windows (p·stride), dilation between the taps of one (r·dilation)",
        lambda c: (
            replace(c, stride=c.dilation, dilation=c.stride) if c.stride != c.dilation else None
        ),
        fitted,
    ),
    Mistake(
        "dilation counted as a gap",
        "the dilation is one too large: it is the distance of two taps, not what lies between them",
        "dilation 1 has no hole; neighbouring taps are `dilation` apart",
        lambda c: replace(c, dilation=(c.dilation[0] + 1, c.dilation[1] + 1)),
        fitted,
    ),
    Mistake(
        "stride applied twice",
        "the stride is applied twice, to the input and to the output",
        "either leave windows out or rows of the output, not both",
        lambda c: (
            replace(c, x=c.x[:, :, :: c.stride[0], :: c.stride[1]]) if c.stride != (1, 1) else None
        ),
        fitted,
    ),
    # Padding
    Mistake(
        "padding left out",
        "the padding is left out",
        "zeros are put around the input before any window is taken",
        of_sides(lambda _: (0, 0, 0, 0)),
    ),
    Mistake(
        "padding after the fact",
        "the output was padded, not the input",
        "pad the input first: windows at the edge then hold zeros and pixels",
        of_sides(lambda _: (0, 0, 0, 0)),
        lambda y, c: framed(y, c) if y.shape[2] < c.plane[0] or y.shape[3] < c.plane[1] else None,
    ),
    Mistake(
        "padding at the top and left only",
        "all zeros went to the top and the left",
        "padding is on both sides of each axis: p zeros above and p below",
        of_sides(lambda s: (s[0] + s[1], 0, s[2] + s[3], 0)),
    ),
    Mistake(
        "padding at the bottom and right only",
        "all zeros went to the bottom and the right",
        "padding is on both sides of each axis: the input begins at row p of the padded plane",
        of_sides(lambda s: (0, s[0] + s[1], 0, s[2] + s[3])),
    ),
    Mistake(
        "padding missing below and right",
        "the zeros at the bottom and the right are missing",
        "padding is on both sides: the padded plane has H + 2·p rows",
        of_sides(lambda s: (s[0], 0, s[2], 0)),
    ),
    Mistake(
        "padding missing above and left",
        "the zeros at the top and the left are missing",
        "padding is on both sides: the padded plane has H + 2·p rows",
        of_sides(lambda s: (0, s[1], 0, s[3])),
    ),
    Mistake(
        "swapped padding",
        "the paddings of rows and columns are exchanged",
        "padding is (rows, columns); F.pad takes the last axis first",
        lambda c: (
            replace(c, sides=(*c.sides[2:], *c.sides[:2])) if c.sides[:2] != c.sides[2:] else None
        ),
    ),
    Mistake(
        "padding of rows only",
        "columns are not padded",
        "padding is a pair, one for each axis",
        lambda c: replace(c, sides=(*c.sides[:2], 0, 0)) if any(c.sides[2:]) else None,
    ),
    Mistake(
        "padding of columns only",
        "rows are not padded",
        "padding is a pair, one for each axis",
        lambda c: replace(c, sides=(0, 0, *c.sides[2:])) if any(c.sides[:2]) else None,
    ),
    Mistake(
        "padding twice",
        "the padding is applied twice",
        "either pad the input or let the library do so",
        of_sides(lambda s: (2 * s[0], 2 * s[1], 2 * s[2], 2 * s[3])),
    ),
    Mistake(
        "edge repeated",
        "the edge is padded with its own pixels instead of zeros",
        "conv2d pads with zeros",
        padded_as("replicate"),
    ),
    Mistake(
        "edge mirrored",
        "the edge is padded with mirrored pixels instead of zeros",
        "conv2d pads with zeros",
        padded_as("reflect"),
    ),
    Mistake(
        "wrapped around",
        "windows wrap around: the left edge meets the right one",
        "the transform must be long enough to hold the zeros of the padding: pad first",
        padded_as("circular"),
    ),
    Mistake(
        "wrapped around by a short transform",
        "the products wrap around: the transform is no longer than the plane without its padding",
        "pad the input before it is transformed, and give both transforms the padded size",
        after=without_wrapping,
    ),
    Mistake(
        "spectrum not conjugated",
        "the weight's spectrum is not conjugated: this is a convolution, wrapped around",
        "conv2d is a correlation: multiply by the conjugate, torch.conj",
        after=not_conjugated,
    ),
    # Channels and groups
    Mistake(
        "only the last channel",
        "only the last input channel counts: each overwrites the sum of those before",
        "the sum runs over all channels; set it to zero before the loop over them, not inside",
        lambda c: (
            replace(c, w=zeroed(c.w, slice(-1, None), ALL, ALL)) if c.w.shape[1] > 1 else None
        ),
    ),
    Mistake(
        "only the first channel",
        "only the first input channel counts",
        "an output is the sum over all input channels of its group",
        lambda c: replace(c, w=zeroed(c.w, slice(1), ALL, ALL)) if c.w.shape[1] > 1 else None,
    ),
    Mistake(
        "mean over channels",
        "the sum over channels was divided by their number",
        "channels are added up; use sum, not mean",
        lambda c: replace(c, w=c.w / c.w.shape[1]) if c.w.shape[1] > 1 else None,
    ),
    Mistake(
        "one kernel for all input channels",
        "the first input channel's kernel is used for all of them",
        "the weight has an index for the input channel, w[k, c]",
        lambda c: replace(c, w=c.w[:, :1].expand_as(c.w)) if c.w.shape[1] > 1 else None,
    ),
    Mistake(
        "one kernel for all output channels",
        "all output channels are computed with the first one's kernels",
        "the weight has an index for the output channel, w[k]",
        lambda c: replace(c, w=c.w[:1].expand_as(c.w)) if c.w.shape[0] > 1 else None,
    ),
    Mistake(
        "first input channel for all",
        "the first input channel is read for all of them",
        "the input has an index for the channel, x[n, c]",
        lambda c: replace(c, x=c.x[:, :1].expand_as(c.x)) if c.x.shape[1] > 1 else None,
    ),
    Mistake(
        "channels in reverse",
        "the input channels are taken in reverse order",
        "channel c of the input belongs to w[:, c]",
        of_input(lambda x: x.flip(1)),
    ),
    Mistake(
        "output channels in reverse",
        "the output channels stand in reverse order",
        "output channel k is computed with w[k]",
        of_kernel(lambda w: w.flip(0)),
    ),
    Mistake(
        "channels of the weight exchanged",
        "the weight's output and input channels are exchanged",
        "a weight is (output channels, input channels, rows, columns)",
        lambda c: replace(c, w=c.w.transpose(0, 1)) if c.w.shape[0] == c.w.shape[1] > 1 else None,
    ),
    Mistake(
        "missing group",
        "every group reads the channels of the first one",
        "output channel k reads the input channels from k // (K/g) · C/g on",
        first_group_for_all,
    ),
    Mistake(
        "groups interleaved",
        "output channel k is computed with group k mod g",
        "groups are blocks of channels: output channel k is in group k // (K/g)",
        interleaved_outputs,
        back_in_order,
    ),
    Mistake(
        "input channels of groups interleaved",
        "group j reads every g-th input channel",
        "groups are blocks of channels: group j reads channels j·C/g to (j + 1)·C/g - 1",
        interleaved_inputs,
    ),
    # Bias
    Mistake(
        "bias forgotten",
        "the bias is forgotten",
        "b[k] is added once to every element of output channel k",
        of_bias(lambda _b, _call: None),
    ),
    Mistake(
        "bias twice",
        "the bias is added twice",
        "b[k] is added once: start the sum with it, or add it at the end, not both",
        of_bias(lambda b, _call: 2 * b),
    ),
    Mistake(
        "bias for every channel",
        "the bias is added once for every input channel",
        "add b[k] outside of the loop over input channels",
        of_bias(lambda b, call: b * call.w.shape[1]),
    ),
    Mistake(
        "bias for every product",
        "the bias is added with every product",
        "add b[k] outside of the loops over channels and window",
        of_bias(lambda b, call: b * call.w[0].numel()),
    ),
    Mistake(
        "one bias for all",
        "the first channel's bias is used for all of them",
        "the bias has an index for the output channel, b[k]",
        of_bias(lambda b, _call: b[:1].expand_as(b)),
    ),
    Mistake(
        "bias subtracted",
        "the bias is subtracted",
        "b[k] is added",
        of_bias(lambda b, _call: -b),
    ),
    # Sizes and places
    Mistake(
        "last row missing",
        "the output is one row short",
        "there are (H + 2·pad - dilation·(R - 1) - 1) // stride + 1 rows: mind the + 1",
        after=lambda y, _: y[:, :, :-1],
    ),
    Mistake(
        "last column missing",
        "the output is one column short",
        "there are (W + 2·pad - dilation·(S - 1) - 1) // stride + 1 columns: mind the + 1",
        after=lambda y, _: y[..., :-1],
    ),
    Mistake(
        "last row and column missing",
        "the output is one row and one column short",
        "there are (H + 2·pad - dilation·(R - 1) - 1) // stride + 1 rows: mind the + 1",
        after=lambda y, _: y[:, :, :-1, :-1],
    ),
    Mistake(
        "last row and column empty",
        "the last row and column of the output are never computed",
        "the loops over the output end one too early",
        after=lambda y, _: F.pad(y[:, :, :-1, :-1], (0, 1, 0, 1)),
    ),
    Mistake(
        "last row empty",
        "the last row of the output is never computed",
        "the loop over the output's rows ends one too early",
        after=lambda y, _: F.pad(y[:, :, :-1], (0, 0, 0, 1)),
    ),
    Mistake(
        "last column empty",
        "the last column of the output is never computed",
        "the loop over the output's columns ends one too early",
        after=lambda y, _: F.pad(y[..., :-1], (0, 1)),
    ),
    Mistake(
        "windows one too far",
        "every window begins one row and one column too late",
        "window (p, q) begins at row p·stride of the padded input; Python counts from 0",
        shifted(1, 1),
    ),
    Mistake(
        "windows one row too far",
        "every window begins one row too late",
        "window p begins at row p·stride of the padded input",
        shifted(1, 0),
    ),
    Mistake(
        "windows one column too far",
        "every window begins one column too late",
        "window q begins at column q·stride of the padded input",
        shifted(0, 1),
    ),
    Mistake(
        "rows and columns of the output exchanged",
        "the output is transposed: rows and columns are exchanged",
        "the result is (N, K, rows, columns)",
        after=lambda y, _: y.transpose(2, 3),
    ),
    Mistake(
        "channels last",
        "the output's channels stand last",
        "the result is (N, K, rows, columns); permute it back",
        after=lambda y, _: y.permute(0, 2, 3, 1),
    ),
    Mistake(
        "columns folded in the wrong order",
        "the product was folded as (rows, columns, channels) without being permuted",
        "view gives new names to the same order; permute first, then view or reshape",
        after=lambda y, _: y.permute(0, 2, 3, 1).reshape(y.shape),
    ),
    Mistake(
        "images and channels folded in the wrong order",
        "images and channels of the output are mixed up",
        "a product over all images gives (K, N, …): permute it before it is reshaped",
        after=lambda y, _: y.transpose(0, 1).reshape(y.shape) if y.shape[0] > 1 else None,
    ),
    # Images
    Mistake(
        "first image for all",
        "every output is that of the first image",
        "the input has an index for the image, x[n]",
        lambda c: replace(c, x=c.x[:1].expand_as(c.x)) if c.x.shape[0] > 1 else None,
    ),
    Mistake(
        "only the first image",
        "only the first image is computed",
        "the outermost loop runs over all images",
        after=lambda y, _: torch.cat([y[:1], torch.zeros_like(y[1:])]) if y.shape[0] > 1 else None,
    ),
    Mistake(
        "sign",
        "every element has the wrong sign",
        "look for a minus that does not belong there",
        after=lambda y, _: -y,
    ),
)
"""In the order in which one thinks of them: of several that explain the same, the first counts."""
