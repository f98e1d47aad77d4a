"""Exercise of the lesson on depthwise convolution: whole planes, shifted."""

from suite.lessons.lesson import Task

TASKS = (
    Task(
        what="compute a depthwise convolution by whole shifted planes, one for each tap",
        text='''\
import torch
import torch.nn.functional as F
from suite import register


@register("exercise", family="depthwise")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """As many groups as input channels, stride 1, no dilation; K may be a multiple of C."""
    images, channels, height, width = input.shape
    out_channels, _, kernel_h, kernel_w = weight.shape
    x = F.pad(input, (padding[1], padding[1], padding[0], padding[0]))
    out_h, out_w = x.shape[2] - kernel_h + 1, x.shape[3] - kernel_w + 1
    # Yours: a plane of x for each output channel, in the right order. Which input channel does
    # output channel k read?
    x = ...
    output = input.new_zeros(images, out_channels, out_h, out_w)
    for r in range(kernel_h):
        for s in range(kernel_w):
            # Yours: the shifted planes times each channel's own weight.
            output += ...
    return output if bias is None else output + bias.view(1, -1, 1, 1)
''',
        shapes=("depthwise", "multiplier", "depthwise-padded"),
        hints=(
            "There are no sums over channels here: nine planes times nine numbers, added up.",
            "Output channels k and k + 1 of the same input channel are neighbours: "
            "repeat_interleave, not repeat.",
            "x.repeat_interleave(out_channels // channels, dim=1); x[:, :, r : r + out_h, "
            "s : s + out_w] * weight[:, 0, r, s].view(1, -1, 1, 1)",
        ),
    ),
)
