"""Depthwise convolution as shifted sums, in plain torch: the same code on every device."""

from __future__ import annotations

import torch.nn.functional as F

from impls._arguments import problem_of
from suite import Problem, Unsupported, register


def _why_not(problem: Problem) -> str | None:
    if problem.groups == problem.in_channels:
        return None
    return f"needs one input channel a group, here are {problem.in_channels // problem.groups}"


def _workspace_bytes(problem: Problem, itemsize: int) -> int:
    padded = problem.batch_size * problem.in_channels * problem.padded_h * problem.padded_w
    return itemsize * (padded + problem.output_elements)


@register(
    "depthwise_shift",
    family="depthwise",
    supports=_why_not,
    workspace_bytes=_workspace_bytes,
    executed_flops=lambda problem: problem.direct_flops,
)
def depthwise_shift(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """One multiply-add of the whole, shifted input for each tap of the kernel.

    Shapes: input (N, C, 1, H, W), tap (C, K/C, 1, 1), result (N, K, P, Q).
    Cost: 2·N·K·P·Q·R·S operations, but R·S passes over input and output: memory bounds it.
    Extra memory: the padded input.
    Source: the definition, with the sums over taps outermost.
    """
    problem = problem_of(input, weight, bias, stride, padding, dilation, groups)
    if reason := _why_not(problem):
        raise Unsupported(reason)
    n, k, p, q = problem.output_shape
    (stride_h, stride_w), (dilation_h, dilation_w) = problem.stride, problem.dilation
    pads = (problem.pad_left, problem.pad_right, problem.pad_top, problem.pad_bottom)
    x = F.pad(input, pads).unsqueeze(2)
    taps = weight.reshape(problem.in_channels, -1, problem.kernel_h, problem.kernel_w, 1, 1)
    y = x.new_zeros(n, *taps.shape[:2], p, q)
    if bias is not None:
        y += bias.view(problem.in_channels, -1, 1, 1)
    for r in range(problem.kernel_h):
        top = r * dilation_h
        for s in range(problem.kernel_w):
            left = s * dilation_w
            rows = slice(top, top + (p - 1) * stride_h + 1, stride_h)
            columns = slice(left, left + (q - 1) * stride_w + 1, stride_w)
            y.addcmul_(x[..., rows, columns], taps[:, :, r, s])
    return y.reshape(n, k, p, q)
