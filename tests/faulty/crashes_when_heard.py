"""Right and calm until somebody listens to its phases: then the process dies of SIGSEGV."""

import ctypes

import torch.nn.functional as F

from suite import register
from suite.phases import PRODUCT, is_heard


@register("crashes_when_heard", family="direct")
def crashes_when_heard(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if is_heard():
        ctypes.string_at(0)
    with PRODUCT:
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
