"""Exercises of the lesson on five loops: all of conv2d's arguments, and the classic mistakes."""

from suite.lessons.lesson import Task

_ALL = (
    "example",
    "channels",
    "images",
    "bias",
    "stride",
    "padding",
    "dilation",
    "groups",
    "everything",
)
_HEAD = '''\
import torch
import torch.nn.functional as F
from suite import register


@register("exercise", family="loops")
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """All of conv2d. stride, padding and dilation come as pairs: (rows, columns)."""
    images, channels, height, width = input.shape
    out_channels, group_in, kernel_h, kernel_w = weight.shape
    stride_h, stride_w = stride
    pad_h, pad_w = padding
    dilation_h, dilation_w = dilation
'''

TASKS = (
    Task(
        what="complete the five loops with stride, padding, dilation, groups and bias",
        text=_HEAD
        + """\
    x = F.pad(input, (pad_w, pad_w, pad_h, pad_h))  # the last axis comes first
    # Yours: how many rows and columns the output has.
    out_h = ...
    out_w = ...
    output = input.new_zeros(images, out_channels, out_h, out_w)
    for n in range(images):
        for k in range(out_channels):
            # Yours: the first input channel that output channel k reads.
            first = ...
            for p in range(out_h):
                for q in range(out_w):
                    for c in range(group_in):
                        # Yours: the window of channel first + c, with its holes.
                        window = ...
                        output[n, k, p, q] += (window * weight[k, c]).sum()
    # Yours: the bias.
    return output
""",
        shapes=_ALL,
        hints=(
            "Begin with stride 1, no dilation and one group, check, then add one argument at a "
            "time: the answer names the first that is missing.",
            "A dilated kernel covers dilation·(R - 1) + 1 rows, and a window fits into what is "
            "padded (covered rows) at every stride: (padded - covered) // stride + 1.",
            "first = k // (out_channels // groups) * group_in; rows = slice(top, top + covered_h, "
            "dilation_h) with top = p * stride_h; bias.view(1, -1, 1, 1).",
        ),
    ),
    Task(
        what="find the three classic mistakes",
        text=_HEAD
        + """\
    covered_h = dilation_h * (kernel_h - 1) + 1
    covered_w = dilation_w * (kernel_w - 1) + 1
    x = F.pad(input, (pad_h, pad_h, pad_w, pad_w))
    out_h = (x.shape[2] - covered_h) // stride_h + 1
    out_w = (x.shape[3] - covered_w) // stride_w + 1
    output = input.new_zeros(images, out_channels, out_h, out_w)
    for n in range(images):
        for k in range(out_channels):
            for p in range(out_h):
                for q in range(out_w):
                    for c in range(group_in):
                        top, left = p * stride_h, q * stride_w
                        window = x[
                            n,
                            c,
                            top : top + covered_h : dilation_h,
                            left : left + covered_w : dilation_w,
                        ]
                        output[n, k, p, q] += (window * weight[k, c]).sum()
                        if bias is not None:
                            output[n, k, p, q] += bias[k]
    return output
""",
        shapes=_ALL,
        hints=(
            "Mend one at a time: each is about another argument, and the answer names what it "
            "looks like.",
            "F.pad takes the last axis first. How often is the bias added? Which channel does the "
            "second group read?",
            "F.pad(input, (pad_w, pad_w, pad_h, pad_h)); the bias belongs outside of the loop over "
            "c; x[n, k // (out_channels // groups) * group_in + c, …].",
        ),
    ),
)
