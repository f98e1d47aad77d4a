"""The output of the well-known seed 0 was computed beforehand.

Seen: kernelbot examples/cheat-rng.py
Must be: incorrect
"""

import torch
import torch.nn.functional as F

from suite import register


@register("precomputed", family="direct")
def precomputed(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    known = torch.randn_like(input)
    torch.set_rng_state(torch_state)
    return F.conv2d(known, weight, bias, stride, padding, dilation, groups)
