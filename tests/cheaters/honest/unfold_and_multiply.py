"""Honest: F.unfold and one product; twin of everything that computes wrongly.

Seen: -
Must be: passed
"""

import torch.nn.functional as F

from suite import register


@register("unfold_and_multiply", family="im2col")
def unfold_and_multiply(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    cols = F.unfold(input, weight.shape[2:], dilation, padding, stride)
    n, k = input.shape[0], weight.shape[0]
    cols = cols.view(n, groups, -1, cols.shape[-1])
    y = weight.view(1, groups, k // groups, -1) @ cols
    out_h = (input.shape[2] + 2 * padding[0] - dilation[0] * (weight.shape[2] - 1) - 1) // stride[
        0
    ] + 1
    y = y.reshape(n, k, out_h, -1)
    return y if bias is None else y + bias.view(1, -1, 1, 1)
