"""Honest: keeps scratch memory between calls, returns fresh memory; twin of the reused output.

Seen: -
Must be: passed
"""

import torch
import torch.nn.functional as F

from suite import register

scratch = {}


@register("reuses_scratch", family="vendor")
def reuses_scratch(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    need = input.numel()
    if scratch.get("x") is None or scratch["x"].numel() != need:
        scratch["x"] = torch.empty(need, dtype=input.dtype)
    x = scratch["x"].view(input.shape).copy_(input)
    return F.conv2d(x, weight, bias, stride, padding, dilation, groups)
