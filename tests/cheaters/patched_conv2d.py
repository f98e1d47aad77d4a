"""F.conv2d is slowed down, so that everything looks fast beside it.

Seen: pygpubench exploits/
Must be: incorrect
"""

import time

import torch.nn.functional as F

from suite import register

real = F.conv2d


def slow(*args, **options):
    time.sleep(0.01)
    return real(*args, **options)


F.conv2d = slow


@register("patched_conv2d", family="direct")
def patched_conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return real(input, weight, bias, stride, padding, dilation, groups)
