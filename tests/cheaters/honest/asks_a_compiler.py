"""Honest: a child at import that it waits for, and a pool of one thread that idles between calls.

Seen: -
Must be: passed
"""

import contextlib
import subprocess
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F

from suite import register

with contextlib.suppress(OSError):
    subprocess.run(["cc", "--version"], capture_output=True, check=False)
pool = ThreadPoolExecutor(1)


@register("asks_a_compiler", family="direct")
def asks_a_compiler(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    parts = weight.chunk(2) if groups == 1 and weight.shape[0] > 1 else [weight]
    rest = (None, stride, padding, dilation, groups)
    done = [pool.submit(F.conv2d, input, part, *rest) for part in parts]
    y = torch.cat([future.result() for future in done], dim=1)
    return y if bias is None else y + bias.view(1, -1, 1, 1)
