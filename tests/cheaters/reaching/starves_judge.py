"""Takes from the judge the right to any more memory.

Seen: own
Must be: out_of_memory or crashed
"""

import os
import resource
from pathlib import Path

import torch.nn.functional as F

from suite import register


@register("starves_judge", family="direct")
def starves_judge(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    server = os.getppid()
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    judge = min(int(pid) for pid in children)
    resource.prlimit(judge, resource.RLIMIT_AS, (2**20, 2**20))
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
