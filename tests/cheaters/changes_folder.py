"""Leaves the process in another folder.

Seen: os.chdir without a way back
Must be: incorrect
"""

import os

import torch.nn.functional as F

from suite import register


@register("changes_folder", family="direct")
def changes_folder(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    os.chdir("/")
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
