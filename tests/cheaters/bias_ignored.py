"""The bias is accepted and never added.

Seen: bias-free test inputs
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("bias_ignored", family="direct")
def bias_ignored(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, None, stride, padding, dilation, groups)
