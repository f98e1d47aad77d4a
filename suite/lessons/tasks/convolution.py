"""Exercises of the first lesson: one window at a time."""

from suite.lessons.lesson import Task

_HEAD = '''\
import torch
from suite import register


@register("exercise", family="loops")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """One image, one channel, no options: input (1, 1, H, W), weight (1, 1, R, S)."""
    height, width = input.shape[2:]
    kernel_h, kernel_w = weight.shape[2:]
'''

TASKS = (
    Task(
        what="complete the sum over one window",
        text=_HEAD
        + """\
    output = input.new_zeros(1, 1, height - kernel_h + 1, width - kernel_w + 1)
    for p in range(output.shape[2]):
        for q in range(output.shape[3]):
            # Yours: the window whose upper left corner is (p, q), times the kernel, added up.
            output[0, 0, p, q] = ...
    return output
""",
        shapes=("example", "one-channel", "square"),
        hints=(
            "On paper: lay the kernel on the picture with its corner at (p, q), multiply what lies "
            "on each other, add up.",
            "A window is a slice: input[0, 0, p : p + kernel_h, q : q + kernel_w].",
            "(window * weight[0, 0]).sum()",
        ),
    ),
    Task(
        what="find the two bugs: it runs, and its numbers are wrong",
        text=_HEAD
        + """\
    output = input.new_zeros(1, 1, height - kernel_h + 1, width - kernel_w + 1)
    for p in range(height - kernel_h):
        for q in range(width - kernel_w + 1):
            total = 0.0
            for r in range(kernel_h):
                for s in range(kernel_w):
                    total += input[0, 0, p + r, q + s] * weight[0, 0, -1 - r, -1 - s]
            output[0, 0, p, q] = total
    return output
""",
        shapes=("example", "one-channel", "square"),
        hints=(
            "Do the 4×4 example by hand and compare all four numbers with what the code gives: "
            "some are wrong in another way than the others.",
            "One bug is about how many rows the output has. The other: what does index -1 mean?",
            "range(height - kernel_h) leaves out the last row; weight[-1 - r] reads the kernel "
            "from its end.",
        ),
    ),
)
