"""Looks for a tensor of the output's shape that someone else holds.

Seen: pygpubench #7
Must be: incorrect
"""

import gc

import torch
import torch.nn.functional as F

from suite import register


@register("thief", family="direct")
def thief(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    shape = F.conv2d(input, weight, bias, stride, padding, dilation, groups).shape
    for thing in gc.get_objects():
        if type(thing) is torch.Tensor and thing.shape == shape:
            return thing.clone()
    return torch.zeros(shape)
