"""Changes a variable of thread pools in every call, for whoever starts one next.

Seen: libraries that set OMP_NUM_THREADS
Must be: incorrect
"""

import os

import torch.nn.functional as F

from suite import register

calls = []


@register("changes_variables", family="direct")
def changes_variables(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    calls.append(1)
    os.environ["OMP_NUM_THREADS"] = str(len(calls))
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
