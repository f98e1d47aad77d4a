"""Exercises of the lesson on im2col: build the columns, and fold the product back."""

from suite.lessons.lesson import Task

_SHAPES = ("example", "channels", "images", "bias", "stride", "padding", "dilation")

TASKS = (
    Task(
        what="write the windows as columns, so that one matrix product does the rest",
        text='''\
import torch
import torch.nn.functional as F
from suite import register


@register("exercise", family="im2col")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """One group. The columns are (C·R·S, P·Q) for each image."""
    images, channels, height, width = input.shape
    out_channels, _, kernel_h, kernel_w = weight.shape
    pad_h, pad_w = padding
    x = F.pad(input, (pad_w, pad_w, pad_h, pad_h))
    out_h = (x.shape[2] - dilation[0] * (kernel_h - 1) - 1) // stride[0] + 1
    out_w = (x.shape[3] - dilation[1] * (kernel_w - 1) - 1) // stride[1] + 1
    columns = x.new_zeros(images, channels, kernel_h, kernel_w, out_h, out_w)
    for r in range(kernel_h):
        for s in range(kernel_w):
            # Yours: what tap (r, s) reads, for all windows at once. One slice of x.
            columns[:, :, r, s] = ...
    # Yours: both as matrices, their product, and back to (images, out_channels, out_h, out_w).
    output = ...
    return output if bias is None else output + bias.view(1, -1, 1, 1)
''',
        shapes=_SHAPES,
        hints=(
            "Tap (0, 0) of all windows, stride 1: the picture without its last rows and columns. "
            "Tap (r, s) reads the same, r further down and s further to the right.",
            "A slice has a step: x[:, :, top : top + n * step : step] holds n rows.",
            "x[:, :, r * dilation[0] :][:, :, : (out_h - 1) * stride[0] + 1 : stride[0]], the same "
            "for columns; weight.flatten(1) @ columns.flatten(4).flatten(1, 3), then view.",
        ),
    ),
    Task(
        what="find the bug: right for one image, wrong for two",
        text='''\
import torch
import torch.nn.functional as F
from suite import register


@register("exercise", family="im2col")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """One group: one product for all images at once."""
    images, channels, height, width = input.shape
    out_channels, _, kernel_h, kernel_w = weight.shape
    columns = F.unfold(input, (kernel_h, kernel_w), dilation, padding, stride)
    out_h = (height + 2 * padding[0] - dilation[0] * (kernel_h - 1) - 1) // stride[0] + 1
    out_w = (width + 2 * padding[1] - dilation[1] * (kernel_w - 1) - 1) // stride[1] + 1
    all_columns = columns.transpose(0, 1).reshape(channels * kernel_h * kernel_w, -1)
    output = weight.flatten(1) @ all_columns
    output = output.reshape(images, out_channels, out_h, out_w)
    return output if bias is None else output + bias.view(1, -1, 1, 1)
''',
        shapes=("example", "channels", "images", "bias", "stride", "padding"),
        hints=(
            "Write down the shape after each line, with the name of what each axis counts.",
            "The product is (K, N·P·Q). What does reshape do to the order of the numbers? Nothing.",
            "output.view(out_channels, images, out_h, out_w).transpose(0, 1)",
        ),
    ),
)
