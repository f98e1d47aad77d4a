"""Lowering: copy every window into a column, then one matrix product does all the work."""

from __future__ import annotations

import torch.nn.functional as F

from impls._arguments import add_bias, pair, problem_of
from suite import Problem, register


def _columns_bytes(problem: Problem, itemsize: int) -> int:
    windows = problem.batch_size * problem.out_h * problem.out_w
    columns = windows * problem.in_channels * problem.kernel_h * problem.kernel_w
    # A product in batches is written apart and copied into the result where groups or strides
    # ask for it.
    return itemsize * (columns + problem.output_elements)


@register(
    "unfold",
    family="im2col",
    workspace_bytes=_columns_bytes,
    executed_flops=lambda problem: problem.direct_flops,
)
def unfold(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """F.unfold writes the windows as columns; the weight as a matrix multiplies them.

    Shapes: columns (N, g, C/g·R·S, P·Q), weight (g, K/g, C/g·R·S), result (N, K, P, Q).
    Cost: 2·N·K·P·Q·C/g·R·S operations in large matrix products.
    Extra memory: the columns, R·S times the input at stride 1.
    Source: K. Chellapilla, S. Puri, P. Simard, "High performance convolutional neural networks
    for document processing" (2006), section 4.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    n, k = problem.batch_size, problem.out_channels
    taps = problem.reduction_length
    columns = F.unfold(
        input, weight.shape[2:], pair(dilation), padding=pair(padding), stride=pair(stride)
    )
    if groups == 1:
        output = weight.reshape(k, taps) @ columns
    else:
        output = weight.reshape(groups, k // groups, taps) @ columns.view(n, groups, taps, -1)
    return add_bias(output.view(n, k, problem.out_h, problem.out_w), bias)
