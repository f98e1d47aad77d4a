"""Correct, and takes a quarter of a second a call: gives tests time to interrupt a run."""

import time

import torch.nn.functional as F

from suite import register


@register("slow", family="direct")
def slow(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    time.sleep(0.25)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
