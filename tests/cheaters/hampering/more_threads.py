"""Takes two cores where it was given one thread, through a pool of Python threads of its own.

Seen: rows that ignore the number of threads
Must be: incorrect or implausible
"""

from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F

from suite import register

pool = ThreadPoolExecutor(2)


@register("more_threads", family="direct")
def more_threads(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if groups != 1 or weight.shape[0] < 2:
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    half = weight.shape[0] // 2
    other = pool.submit(F.conv2d, input, weight[:half], None, stride, padding, dilation)
    last = F.conv2d(input, weight[half:], None, stride, padding, dilation)
    y = torch.cat([other.result(), last], dim=1)
    return y if bias is None else y + bias.view(1, -1, 1, 1)
