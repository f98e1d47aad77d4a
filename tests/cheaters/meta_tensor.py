"""Returns a tensor of the right shape on the meta device: no data at all.

Seen: unevaluated graphs
Must be: incorrect
"""

import torch.nn.functional as F

from suite import register


@register("meta_tensor", family="direct")
def meta_tensor(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups).to("meta")
