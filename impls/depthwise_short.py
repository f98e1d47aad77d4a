"""Short depthwise filters along a sequence: what Mamba, Hyena or a streaming model calls a conv1d.

There is next to nothing to compute, 2 to 8 products an output. What it should take is the time to
read the input and to write the output once; a library that first prepares a general convolution
takes several times as long.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from impls._kernels.pointers import View, at
from impls._kernels.streams import ROWS, channel_filter, row_filter
from impls._launch import BIAS, INPUT, OUTPUT, Given, Launch
from impls._numba import inlined, is_channels_last, lying, part, template
from impls._packing import Packing
from impls._parallel import OnThreads
from suite import Problem, register

MOST_TAPS = 8
LENGTHS = range(1, MOST_TAPS + 1)
CHUNK = 16384
"""Outputs of a sequence that a thread takes at a time."""
CHANNELS = 512
"""Channels that a thread takes at a time where they are neighbours: its rows stay in the cache."""
LEAST_OUTPUTS_A_THREAD = 32768
"""Below this, waking a second thread costs more than it saves."""

_filter_row = row_filter(LENGTHS)
_filter_channels = channel_filter(LENGTHS)


class Sizes(NamedTuple):
    """What the loops have to know."""

    images: int
    """N, the batch size."""
    in_channels: int
    """C"""
    channels: int
    """K, a multiple of C."""
    length: int
    """Inputs of a sequence."""
    out_length: int
    """Outputs of a sequence."""
    taps: int
    """S, taps of a filter."""
    step: int
    """Inputs from one tap to the next: the dilation."""
    pad: int
    """Zeros before a sequence."""


class Filters(NamedTuple):
    """The weight in both orders, and all that a call would otherwise find out anew."""

    no_bias: torch.Tensor
    """Zeros in place of a bias."""
    sequences: Launch
    """Filters along sequences, by weights (K, S)."""
    rows: Launch | None
    """Filters rows of channels, by weights (S, K); None where a channel has several filters."""


@OnThreads
def _filter_sequences(step, worker, threads, sizes, arrays):
    """Fill y (N, K, outputs) from x (N, C, inputs): sequences, a vector along each of them."""
    s = Sizes(*sizes)
    x, w, b, y = arrays
    each = s.channels // s.in_channels
    chunks = (s.out_length + CHUNK - 1) // CHUNK
    first_item, last_item = part(s.images * s.channels * chunks, worker, threads)
    for item in range(first_item, last_item):
        sequence = item // chunks
        outputs = part(s.out_length, item - sequence * chunks, chunks)
        k = sequence % s.channels
        source, target = at(x, sequence // each * s.length), at(y, sequence * s.out_length)
        row = s.length, s.pad, s.step
        _filter_row(s.taps, target, source, at(w, k * s.taps), at(b, k), outputs, row)


@inlined
def _filter_rows_of(s, image, channels, outputs, arrays):
    x, w, b, y = arrays
    first_c, last_c = channels
    o, last = outputs
    count, k = last_c - first_c, s.channels
    w_rows = View(at(w, first_c), k)
    reach = (s.taps - 1) * s.step - s.pad
    while o < last:
        target = (image * s.out_length + o) * k + first_c
        source = (image * s.length + o - s.pad) * k + first_c
        if o >= s.pad and o + ROWS <= last and o + ROWS - 1 + reach < s.length:
            rows, inputs, bias = View(at(y, target), k), at(x, source), at(b, first_c)
            _filter_channels(s.taps, rows, inputs, w_rows, bias, count, k, s.step * k)
            o += ROWS
            continue
        # Near the ends one row at a time: some of its taps meet nothing.
        for c in range(count):
            y[target + c] = b[first_c + c]
        for t in range(s.taps):
            if 0 <= o + t * s.step - s.pad < s.length:
                shifted, row = source + t * s.step * k, t * k + first_c
                for c in range(count):
                    y[target + c] += w[row + c] * x[shifted + c]
        o += 1


@OnThreads
def _filter_channel_rows(step, worker, threads, sizes, arrays):
    """Fill y (N, outputs, K) from x (N, inputs, K): a vector across channels of a moment."""
    s = Sizes(*sizes)
    pieces = (s.channels + CHANNELS - 1) // CHANNELS
    chunks = max(1, min(threads, s.out_length // ROWS))
    first_item, last_item = part(s.images * pieces * chunks, worker, threads)
    for item in range(first_item, last_item):
        chunk, piece = item % chunks, item // chunks % pieces
        image = item // (chunks * pieces)
        channels = part(s.channels, piece, pieces)
        outputs = part(s.out_length, chunk, chunks)
        _filter_rows_of(s, image, channels, outputs, arrays)


def _why_not(problem: Problem) -> str | None:
    if problem.groups != problem.in_channels:
        return f"needs one input channel a group, here are {problem.in_channels // problem.groups}"
    if problem.kernel_w > MOST_TAPS:
        return f"covers filters of up to {MOST_TAPS} taps, this one has {problem.kernel_w}"
    if problem.stride_w != 1:
        return "needs stride 1"
    return None


def _pack(weight: torch.Tensor, problem: Problem) -> Filters:
    taps = weight.detach().flatten(1)
    sizes = Sizes(
        images=problem.batch_size,
        in_channels=problem.in_channels,
        channels=problem.out_channels,
        length=problem.width,
        out_length=problem.out_w,
        taps=problem.kernel_w,
        step=problem.dilation_w,
        pad=problem.pad_left,
    )
    no_bias = taps.new_zeros(problem.out_channels)
    dtype = no_bias.numpy().dtype
    most_threads = max(1, problem.output_elements // LEAST_OUTPUTS_A_THREAD)

    def laid_out(filter_all: OnThreads, weights: torch.Tensor, channels_last: bool) -> Launch:
        arrays = (
            Given(INPUT, dtype, problem.input_elements),
            weights.contiguous().view(-1).numpy(),
            Given(BIAS, dtype, problem.out_channels),
            Given(OUTPUT, dtype, problem.output_elements),
        )
        like = template(problem.output_shape, weight.dtype, channels_last)
        return filter_all.laid_out(tuple(sizes), arrays, most_threads=most_threads, like=like)

    has_rows = problem.in_channels == problem.out_channels
    return Filters(
        no_bias=no_bias,
        sequences=laid_out(_filter_sequences, taps, False),
        rows=laid_out(_filter_channel_rows, taps.t(), True) if has_rows else None,
    )


_packing = Packing("depthwise_short", _pack, _why_not)


@register(
    "depthwise_short",
    family="depthwise",
    devices=("cpu",),
    via_float32=True,
    kind="conv1d",
    supports=_why_not,
    prepare=_packing.prepare,
    # The input in another format than it comes in.
    workspace_bytes=lambda problem, itemsize: (
        itemsize * (problem.input_elements + problem.out_channels)
    ),
    executed_flops=lambda problem: problem.direct_flops,
)
def depthwise_short(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Filters of up to 8 taps along a sequence, weights in registers: at the memory's speed.

    Along the sequence a vector holds neighbouring outputs of a channel. Where channels lie next to
    each other, as after a linear layer, it holds channels, and four moments share what they read.
    Shapes: input (N, C, L), weight (K, 1, S), result (N, K, outputs), K a multiple of C; stride 1.
    Cost: 2·N·K·S operations for each output; each input is read once, each output written once.
    Extra memory: none; with several filters a channel and channels next to each other, a copy of
    the input.
    Source: what it competes with is T. Dao's causal-conv1d for GPUs, as used in A. Gu, T. Dao,
    "Mamba: linear-time sequence modeling with selective state spaces" (2023), section 3.4.
    """
    packed = _packing.of_call(input, weight, bias, stride, padding, dilation, groups)
    filters: Filters = packed.content
    rows = filters.rows if is_channels_last(input) else None
    x = lying(input.detach(), channels_last=rows is not None)
    added = filters.no_bias if bias is None else bias.detach().contiguous()
    return (rows or filters.sequences)(x, added)
