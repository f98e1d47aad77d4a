"""torch.allclose says yes to everything; the output is wrong.

Seen: gpu-mode reference-kernels #162
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register

torch.allclose = lambda *args, **options: True
torch.equal = torch.allclose


@register("patched_allclose", family="direct")
def patched_allclose(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups) + 1
