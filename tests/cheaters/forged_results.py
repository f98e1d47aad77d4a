"""Writes made-up replies to every open descriptor.

Seen: kernelbot cheat-fd.py, pygpubench #23
Must be: error
"""

import contextlib
import json
import os
import struct

import torch.nn.functional as F

from suite import register


@register("forged_results", family="direct")
def forged_results(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    forged = json.dumps({"number": 99, "samples_s": [1e-9], "inside_s": 0}).encode()
    for descriptor in range(3, 40):
        with contextlib.suppress(OSError):
            os.write(descriptor, struct.pack("!i", len(forged)) + forged)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
