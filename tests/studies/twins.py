"""torch's convolution under several names: what `same_code` measures against itself."""

from __future__ import annotations

import torch.nn.functional as F

from suite import register

TWINS = 8


def twin(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


for number in range(TWINS):
    register(f"twin_{number}", family="vendor")(twin)
