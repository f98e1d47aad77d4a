"""Exercises of the lesson on Fourier transforms."""

from suite.lessons.lesson import Task

_SHAPES = ("example", "one-channel", "channels", "images", "bias", "padding", "same", "stride")
_HEAD = '''\
import torch
import torch.nn.functional as F
from suite import register


@register("exercise", family="fft", nan_policy="plane")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """One group, no dilation."""
    pad_h, pad_w = padding
    kernel_h, kernel_w = weight.shape[2:]
'''

TASKS = (
    Task(
        what="compute a convolution as a product of spectra",
        text=_HEAD
        + """\
    x = F.pad(input, (pad_w, pad_w, pad_h, pad_h))
    size = x.shape[2:]
    x_spectrum = torch.fft.rfft2(x)
    # Yours: the weight's spectrum, with as many frequencies as the input's has.
    w_spectrum = ...
    # Yours: the product, summed over input channels: (images, out_channels, frequencies…).
    # Remember which of the two conv2d is, a convolution or a correlation.
    y_spectrum = ...
    y = torch.fft.irfft2(y_spectrum, size)
    # Yours: the rows and columns that windows fit into, every stride-th of them.
    output = ...
    return output if bias is None else output + bias.view(1, -1, 1, 1)
""",
        shapes=_SHAPES,
        hints=(
            "The second argument of torch.fft.rfft2 is the size to which it fills up with zeros.",
            "A correlation is a product with the conjugate. torch.einsum can sum over channels: "
            "'nchw,kchw->nkhw'.",
            "torch.einsum('nchw,kchw->nkhw', x_spectrum, w_spectrum.conj()); then "
            "y[:, :, : size[0] - kernel_h + 1 : stride[0], : size[1] - kernel_w + 1 : stride[1]].",
        ),
    ),
    Task(
        what="find the two bugs of a transform that nearly works",
        text=_HEAD
        + """\
    size = input.shape[2:]
    x_spectrum = torch.fft.rfft2(input, size)
    w_spectrum = torch.fft.rfft2(weight, size)
    y_spectrum = torch.einsum("nchw,kchw->nkhw", x_spectrum, w_spectrum)
    y = torch.fft.irfft2(y_spectrum, size)
    rows = (size[0] + 2 * pad_h - kernel_h) // stride[0] + 1
    columns = (size[1] + 2 * pad_w - kernel_w) // stride[1] + 1
    output = y[:, :, : rows * stride[0] : stride[0], : columns * stride[1] : stride[1]]
    return output if bias is None else output + bias.view(1, -1, 1, 1)
""",
        shapes=_SHAPES,
        hints=(
            "Check it as it is: the answer names one of the two. Mend that one, check again.",
            "Where have the zeros of the padding gone?",
            "w_spectrum.conj(), and transform F.pad(input, (pad_w, pad_w, pad_h, pad_h)) instead "
            "of the input, with its size.",
        ),
    ),
)
