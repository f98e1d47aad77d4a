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
from impls._fourier import next_smooth, spread
from suite import Problem, register
from suite.phases import INVERSE, PACK, PRODUCT, TRANSFORM, UNPACK


def _plane(problem: Problem) -> tuple[int, int]:
    """Return the transform's size: lengths that an FFT likes, at least the padded plane."""
    return next_smooth(problem.padded_h), next_smooth(problem.padded_w)


def _bins(problem: Problem) -> int:
    """Return the frequencies kept of a real plane: the other half is their conjugate."""
    rows, columns = _plane(problem)
    return rows * (columns // 2 + 1)


def _spectra_bytes(problem: Problem, itemsize: int) -> int:
    n, c, k = problem.batch_size, problem.in_channels, problem.out_channels
    pairs = k * c // problem.groups
    rows, columns = _plane(problem)
    # The weight's transform works on a padded copy and with one of its own. Then each spectrum
    # exists as it was transformed and in the order that the product wants, the result's also as
    # the inverse transform's copy.
    spectra = max(n * c + 3 * pairs, 2 * (n * c + pairs) + 3 * n * k)
    planes = k * rows * columns + c * problem.padded_h * problem.padded_w
    return itemsize * (2 * _bins(problem) * spectra + n * planes)


def _flops(problem: Problem) -> float:
    n, c, k = problem.batch_size, problem.in_channels, problem.out_channels
    rows, columns = _plane(problem)
    size = rows * columns
    # 2.5·L·log2(L) operations for a real transform of L points; 8 for a complex multiply-add.
    transforms = (
        2.5 * size * max(1, size - 1).bit_length() * (n * c + k * c // problem.groups + n * k)
    )
    return transforms + 8 * _bins(problem) * n * k * (c // problem.groups)


@register(
    "fft",
    family="fft",
    nan_policy="plane",
    workspace_bytes=_spectra_bytes,
    executed_flops=_flops,
)
def fft(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Real FFT of the whole padded plane, one complex matrix product for each frequency.

    Shapes: spectra of input (g, F, N, C/g) and weight (g, F, C/g, K/g) with F frequencies,
    result (N, K, P, Q). Stride keeps every stride-th element of the undecimated result.
    Cost: 8·F·N·K·C/g operations for the products, 2.5·L·log2(L) for each plane of L points.
    Extra memory: all spectra, dominated by the weight's: 16·F·K·C/g bytes in float32.
    Source: M. Mathieu, M. Henaff, Y. LeCun, "Fast training of convolutional networks through
    FFTs" (2014), section 2.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    n, k = problem.batch_size, problem.out_channels
    if n == 0:
        return input.new_zeros(problem.output_shape)
    size = _plane(problem)
    pad_h, pad_w = pair(padding)
    with PACK:
        w_spectra = torch.fft.rfft2(spread(weight, problem), size)
        w_spectra = w_spectra.view(groups, k // groups, problem.in_channels // groups, -1)
    with TRANSFORM:
        x = F.pad(input, (pad_w, pad_w, pad_h, pad_h))
        x_spectra = torch.fft.rfft2(x, size).view(n, groups, problem.in_channels // groups, -1)
    with PRODUCT:
        products = x_spectra.permute(1, 3, 0, 2) @ w_spectra.conj().permute(0, 3, 2, 1)
    with INVERSE:
        y_spectra = products.permute(2, 0, 3, 1).reshape(n, k, size[0], size[1] // 2 + 1)
        y = torch.fft.irfft2(y_spectra, size)
    with UNPACK:
        stride_h, stride_w = problem.stride
        rows = slice(0, (problem.out_h - 1) * stride_h + 1, stride_h)
        columns = slice(0, (problem.out_w - 1) * stride_w + 1, stride_w)
        return add_bias(y[:, :, rows, columns], bias)


def _lengths(problem: Problem) -> tuple[int, ...]:
    """Return the transform's size along each axis of any kind: all that is read or written.

    A multiple of the stride where that spreads the input.
    """
    large = problem.output_size if problem.is_transposed else problem.input_size
    steps = problem.stride if problem.is_transposed else (1,) * problem.axes
    sizes = zip(large, problem.pads, steps, strict=True)
    return tuple(step * next_smooth(-(-(size + sum(pads)) // step)) for size, pads, step in sizes)


def _any_spectra_bytes(problem: Problem, itemsize: int) -> int:
    n, c, k = problem.batch_size, problem.in_channels, problem.out_channels
    lengths = _lengths(problem)
    size = math.prod(lengths)
    bins = size // lengths[-1] * (lengths[-1] // 2 + 1)
    pairs = c * k // problem.groups
    spectra = 2 * bins * (2 * n * c + 3 * pairs + 3 * n * k)
    return itemsize * (spectra + size * (pairs + n * (c + k)))


def _any_flops(problem: Problem) -> float:
    n, c, k = problem.batch_size, problem.in_channels, problem.out_channels
    lengths = _lengths(problem)
    size = math.prod(lengths)
    bins = size // lengths[-1] * (lengths[-1] // 2 + 1)
    planes = n * c + k * c // problem.groups + n * k
    return 2.5 * size * max(1, size - 1).bit_length() * planes + 8 * bins * n * k * (
        c // problem.groups
    )


def _spectra(tensor, lengths: tuple[int, ...], groups: int, axis: int):
    """Return the spectra of a tensor's planes, its channels by group: (…, g, ·, …, F)."""
    spectra = torch.fft.rfftn(tensor, lengths, tuple(range(-len(lengths), 0)))
    return spectra.flatten(2).unflatten(axis, (groups, -1))


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


def _apart(tensor, steps: tuple[int, ...]):
    """Return a tensor with zeros between its places, as far apart as a stride or dilation says."""
    if set(steps) == {1}:
        return tensor
    sizes = zip(tensor.shape[2:], steps, strict=True)
    wide = tensor.new_zeros(*tensor.shape[:2], *((size - 1) * step + 1 for size, step in sizes))
    wide[(slice(None), slice(None), *(slice(None, None, step) for step in steps))] = tensor
    return wide


def _planes_of(products, problem: Problem, lengths: tuple[int, ...]):
    """Return (g, F, N, K/g) as planes (N, K, …) of the transform's size."""
    bins = (*lengths[:-1], lengths[-1] // 2 + 1)
    y = products.permute(2, 0, 3, 1).reshape(problem.batch_size, problem.out_channels, *bins)
    return torch.fft.irfftn(y, lengths, tuple(range(-len(lengths), 0)))


@register(
    "fft",
    family="fft",
    kinds=("conv1d", "conv3d"),
    nan_policy="plane",
    workspace_bytes=_any_spectra_bytes,
    executed_flops=_any_flops,
)
def fft_any(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The same over one axis or three.

    Shapes: spectra of input (g, F, N, C/g) and weight (g, F, C/g, K/g) with F frequencies,
    result (N, K, places…).
    Cost: 8·F·N·K·C/g operations for the products, 2.5·L·log2(L) for each plane of L points.
    Extra memory: all spectra, dominated by the weight's: 16·F·K·C/g bytes in float32.
    Source: as `fft`.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    if problem.batch_size == 0:
        return input.new_zeros(problem.output_shape)
    lengths = _lengths(problem)
    with PACK:
        w_spectra = _spectra(_apart(weight, problem.dilation), lengths, groups, 0)
    with TRANSFORM:
        x = F.pad(input, [size for size in reversed(problem.padding) for _ in range(2)])
        x_spectra = _spectra(x, lengths, groups, 1)
    with PRODUCT:
        products = x_spectra.permute(1, 3, 0, 2) @ w_spectra.conj().permute(0, 3, 2, 1)
    with INVERSE:
        y = _planes_of(products, problem, lengths)
    with UNPACK:
        outputs = zip(problem.output_size, problem.stride, strict=True)
        kept = (slice(0, (out - 1) * step + 1, step) for out, step in outputs)
        return add_bias(y[(slice(None), slice(None), *kept)].contiguous(), bias)


@register(
    "fft",
    family="fft",
    kinds=("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    nan_policy="plane",
    workspace_bytes=_any_spectra_bytes,
    executed_flops=_any_flops,
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
    with PACK:
        w_spectra = _spectra(_apart(weight, problem.dilation), lengths, groups, 0)
    with TRANSFORM:
        x_spectra = _repeated_spectra(input, lengths, problem.stride, groups)
    with PRODUCT:
        products = x_spectra.permute(1, 3, 0, 2) @ w_spectra.permute(0, 3, 1, 2)
    with INVERSE:
        y = _planes_of(products, problem, lengths)
    with UNPACK:
        outputs = zip(problem.output_size, problem.padding, strict=True)
        kept = (slice(pad, pad + out) for out, pad in outputs)
        return add_bias(y[(slice(None), slice(None), *kept)].contiguous(), bias)
