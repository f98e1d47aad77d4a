"""Right, but its formulas for memory and operations give what no number of them can be."""

import math

import torch.nn.functional as F

from suite import register


def function(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


def fails(problem):
    raise ZeroDivisionError("in the formula")


BYTES = {
    "bytes_huge": 10**400,
    "bytes_infinite": math.inf,
    "bytes_nan": math.nan,
    "bytes_negative": -1,
    "bytes_text": "many",
    "bytes_none": None,
    "bytes_unprintable": 10**5000,
}
for name, value in BYTES.items():
    register(name, family="direct", workspace_bytes=lambda p, size, value=value: value)(function)
FLOPS = {"flops_infinite": math.inf, "flops_huge": 10**400, "flops_negative": -0.5}
for name, value in FLOPS.items():
    register(name, family="direct", executed_flops=lambda p, value=value: value)(function)
register("flops_fails", family="direct", executed_flops=fails)(function)
register("unsupported_by_number", family="direct", supports=lambda p: 404)(function)
