"""Exercise of the lesson on speed: the loops over a window as a list of taps."""

from suite.lessons.lesson import Task

TASKS = (
    Task(
        what="unroll the window into a list of taps",
        text='''\
import torch
import torch.nn.functional as F
from suite import register


@register("exercise", family="loops")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """One list of numbers for the padded input, one list of distances for the window."""
    images, channels, height, width = input.shape
    out_channels, group_in, kernel_h, kernel_w = weight.shape
    pad_h, pad_w = padding
    padded = F.pad(input, (pad_w, pad_w, pad_h, pad_h))
    padded_h, padded_w = padded.shape[2:]
    out_h = (padded_h - dilation[0] * (kernel_h - 1) - 1) // stride[0] + 1
    out_w = (padded_w - dilation[1] * (kernel_w - 1) - 1) // stride[1] + 1
    x = padded.flatten().tolist()
    factors = weight.flatten(1).tolist()  # factors[k][t], t counts channel, row, column

    # Yours: for each tap t, in the order of the factors, how far its element lies from the
    # window's first one in x. A step along a row is 1; what is a step down, and one to the next
    # channel?
    distances = []

    sums = []
    for n in range(images):
        for k in range(out_channels):
            channel = n * channels + k // (out_channels // groups) * group_in
            for p in range(out_h):
                for q in range(out_w):
                    # Yours: where the window's first element lies in x.
                    corner = ...
                    sums.append(sum(f * x[corner + d] for f, d in zip(factors[k], distances)))
    output = torch.tensor(sums, dtype=input.dtype).view(images, out_channels, out_h, out_w)
    return output if bias is None else output + bias.view(1, -1, 1, 1)
''',
        shapes=(
            "example",
            "channels",
            "images",
            "stride",
            "padding",
            "dilation",
            "groups",
            "everything",
        ),
        hints=(
            "Number the elements of a 2×3×4 array by hand, the last axis fastest. By how much do "
            "numbers grow along each axis?",
            "A step down is padded_w further, one to the next channel padded_h * padded_w.",
            "distances: c * padded_h * padded_w + r * dilation[0] * padded_w + s * dilation[1]; "
            "corner: channel * padded_h * padded_w + p * stride[0] * padded_w + q * stride[1].",
        ),
    ),
)
