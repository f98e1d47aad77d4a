"""Reads out of range on the GPU: a device-side assertion, after which its context is gone."""

import torch
import torch.nn.functional as F

from suite import register


@register("asserts_on_gpu", family="direct", devices=("cuda",))
def asserts_on_gpu(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    far = torch.full((1,), 10**6, device=input.device)
    torch.zeros(4, device=input.device)[far]
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
