"""Every output element is the mean of the true output.

Seen: agentpostmortem APM-0007
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("constant", family="direct")
def constant(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    y = F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    return torch.full_like(y, float(y.mean()))
