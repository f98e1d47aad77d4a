"""The convolution theorem: a product of spectra in place of a sum over the kernel.

conv2d is a correlation, y[p] = Σ_r x[p + r]·w[r], so the weight's spectrum is conjugated. The
sum reads x at p + r < H only for the rows p that exist, so a transform of the padded plane's own
length already keeps the wrapped-around products away from them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from impls._arguments import add_bias, pair, problem_of
from impls._fourier import next_smooth
from impls._kernel_spectra import held_elements, kernel_flops, times_kernel
from suite import Problem, register
from suite.phases import INVERSE, PACK, TRANSFORM, UNPACK


def _lengths(problem: Problem) -> tuple[int, ...]:
    """Return the transform's size along each axis: lengths that an FFT likes, of the larger plane.

    That is all that is read, with its padding; of a transposed convolution all that is written,
    in a multiple of the stride, which spreads its input.
    """
    large = problem.output_size if problem.is_transposed else problem.input_size
    steps = problem.stride if problem.is_transposed else (1,) * problem.axes
    sizes = zip(large, problem.pads, steps, strict=True)
    return tuple(step * next_smooth(-(-(size + sum(pads)) // step)) for size, pads, step in sizes)


def _size_and_bins(problem: Problem) -> tuple[int, int]:
    """Return the points of a transformed plane, and the frequencies kept of it.

    The other half of a real plane's are their conjugates.
    """
    lengths = _lengths(problem)
    size = math.prod(lengths)
    return size, size // lengths[-1] * (lengths[-1] // 2 + 1)


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    n, c, k = problem.batch_size, problem.in_channels, problem.out_channels
    size, bins = _size_and_bins(problem)
    # The input's planes twice, as the transform makes them longer, and its spectra. Or these and
    # the products with two copies of the transform's, and planes; and what the steps before
    # needed: an allocator seldom has it free in the pieces that the transform asks for.
    transform = 2 * n * c * (size + bins)
    inverse = 2 * bins * n * (c + 3 * k) + n * k * size
    before = n * c * size + 2 * held_elements(problem, _lengths(problem), itemsize)
    return int(itemsize * max(transform, inverse + before))


def _flops(problem: Problem) -> float:
    n, c, k = problem.batch_size, problem.in_channels, problem.out_channels
    size, bins = _size_and_bins(problem)
    # 2.5·L·log2(L) operations for a real transform of L points; 8 for a complex multiply-add.
    transforms = 2.5 * size * max(1, size - 1).bit_length() * n * (c + k)
    products = 8 * bins * n * k * (c // problem.groups)
    return transforms + products + kernel_flops(problem, _lengths(problem))


@register(
    "fft",
    family="fft",
    nan_policy="plane",
    workspace_bytes=_workspace_bytes,
    executed_flops=_flops,
)
def fft(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Real FFT of the whole padded plane, one complex matrix product for each frequency.

    Shapes: spectra of input (g, F, N, C/g) and weight (g, F, C/g, K/g) with F frequencies,
    result (N, K, P, Q). Stride keeps every stride-th element of the undecimated result.
    Cost: 8·F·N·K·C/g operations for the products, 2.5·L·log2(L) for each plane of L points;
    8·F·S·K·C/g for the spectra of a kernel with rows of S taps, computed by their definition where
    S is small: see `kernel_spectra`.
    Extra memory: spectra of input and output, 8·F·N·(C + 3·K) bytes in float32, and 16 MiB or so of
    the weight's, which are made a few at a time; all, 8·F·K·C/g bytes, where S is large.
    Source: M. Mathieu, M. Henaff, Y. LeCun, "Fast training of convolutional networks through
    FFTs" (2014), section 2.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    n, c, k = problem.batch_size, problem.in_channels, problem.out_channels
    if n == 0:
        return input.new_zeros(problem.output_shape)
    rows, columns = _lengths(problem)
    pad_h, pad_w = pair(padding)
    with PACK:
        x = F.pad(input, (pad_w, pad_w, pad_h, pad_h))
    with TRANSFORM:
        x = torch.fft.rfft2(x, (rows, columns))
        x_spectra = x.view(n, groups, c // groups, -1)
    y_spectra = times_kernel(x_spectra, weight, problem, (rows, columns))
    with INVERSE:
        y = torch.fft.irfft2(y_spectra.view(n, k, rows, columns // 2 + 1), (rows, columns))
    with UNPACK:
        stride_h, stride_w = problem.stride
        kept_rows = slice(0, (problem.out_h - 1) * stride_h + 1, stride_h)
        kept_columns = slice(0, (problem.out_w - 1) * stride_w + 1, stride_w)
        return add_bias(y[:, :, kept_rows, kept_columns], bias)


def _transformed(x: torch.Tensor, lengths: tuple[int, ...], groups: int) -> torch.Tensor:
    """Return the spectra of a tensor's planes, (N, g, C/g, F)."""
    spectra = torch.fft.rfftn(x, lengths, tuple(range(-len(lengths), 0)))
    return spectra.flatten(2).unflatten(1, (groups, -1))


def _repeated_spectra(tensor, lengths: tuple[int, ...], steps: tuple[int, ...], groups: int):
    """Return the spectra of a tensor's planes with zeros between their places, `steps` apart.

    Zeros between the places of a plane repeat its spectrum, as often as the stride says:
    Σ_j x[j]·exp(-2πi·f·j·s / (s·M)) = Σ_j x[j]·exp(-2πi·f·j / M), which has the period M.
    """
    short = tuple(length // step for length, step in zip(lengths, steps, strict=True))
    spectra = torch.fft.fftn(tensor, short, tuple(range(-len(short), 0)))
    bins = (*lengths[:-1], lengths[-1] // 2 + 1)
    for axis, (count, period) in enumerate(zip(bins, short, strict=True), start=2):
        frequencies = torch.arange(count, device=tensor.device) % period
        spectra = spectra.index_select(axis, frequencies)
    return spectra.flatten(2).unflatten(1, (groups, -1))


def _planes_of(y_spectra: torch.Tensor, problem: Problem, lengths: tuple[int, ...]):
    """Return (N, g, K/g, F) as planes (N, K, …) of the transform's size."""
    bins = (*lengths[:-1], lengths[-1] // 2 + 1)
    y = y_spectra.view(problem.batch_size, problem.out_channels, *bins)
    return torch.fft.irfftn(y, lengths, tuple(range(-len(lengths), 0)))


@register(
    "fft",
    family="fft",
    kinds=("conv1d", "conv3d"),
    nan_policy="plane",
    workspace_bytes=_workspace_bytes,
    executed_flops=_flops,
)
def fft_any(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The same over one axis or three.

    Shapes: spectra of input (g, F, N, C/g) and weight (g, F, C/g, K/g) with F frequencies,
    result (N, K, places…).
    Cost and extra memory: as `fft`; over one axis all of the weight's spectra are held at once.
    Source: as `fft`.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    if problem.batch_size == 0:
        return input.new_zeros(problem.output_shape)
    lengths = _lengths(problem)
    with PACK:
        x = F.pad(input, [size for size in reversed(problem.padding) for _ in range(2)])
    with TRANSFORM:
        x = _transformed(x, lengths, groups)
    y_spectra = times_kernel(x, weight, problem, lengths)
    with INVERSE:
        y = _planes_of(y_spectra, problem, lengths)
    with UNPACK:
        outputs = zip(problem.output_size, problem.stride, strict=True)
        kept = (slice(0, (out - 1) * step + 1, step) for out, step in outputs)
        return add_bias(y[(slice(None), slice(None), *kept)].contiguous(), bias)


@register(
    "fft",
    family="fft",
    kinds=("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    nan_policy="plane",
    workspace_bytes=_workspace_bytes,
    executed_flops=_flops,
)
def fft_transposed(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """A true convolution this time: no spectrum conjugated, the input's repeated by the stride.

    The zeros that a transposed convolution has between the input's places are never there: they
    repeat its spectrum, so that planes of the input's own size are transformed.
    Shapes: spectra of input (g, F, N, C/g) and weight (g, F, C/g, K/g) with F frequencies of the
    output before padding is cut off it, result (N, K, …).
    Cost and extra memory: as `fft`, on the output's planes.
    Source: V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning" (2016),
    section 4, for the zeros; A. Oppenheim, R. Schafer, "Discrete-time signal processing" (3rd ed.,
    2010), section 4.6.2, for what they do to a spectrum.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups, output_padding)
    if problem.batch_size == 0:
        return input.new_zeros(problem.output_shape)
    lengths = _lengths(problem)
    with TRANSFORM:
        x_spectra = _repeated_spectra(input, lengths, problem.stride, groups)
    y_spectra = times_kernel(x_spectra, weight, problem, lengths)
    with INVERSE:
        y = _planes_of(y_spectra, problem, lengths)
    with UNPACK:
        outputs = zip(problem.output_size, problem.padding, strict=True)
        kept = (slice(pad, pad + out) for out, pad in outputs)
        return add_bias(y[(slice(None), slice(None), *kept)].contiguous(), bias)
