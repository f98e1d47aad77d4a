"""Takes a thread from everyone who comes after.

Seen: thread settings in user code
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("changes_threads", family="direct")
def changes_threads(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    torch.set_num_threads(torch.get_num_threads() + 1)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
