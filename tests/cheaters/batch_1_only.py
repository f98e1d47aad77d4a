"""Right for batch 1; otherwise all samples get the first one's result.

Seen: KernelBench problems of batch 1
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("batch_1_only", family="direct")
def batch_1_only(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return y[:1].expand_as(y).clone()
