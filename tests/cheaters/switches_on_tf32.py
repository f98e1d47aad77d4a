"""Allows TF32 for everyone who comes after.

Seen: KernelBench never sets allow_tf32
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("switches_on_tf32", family="direct")
def switches_on_tf32(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    torch.backends.cuda.matmul.allow_tf32 = True
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
