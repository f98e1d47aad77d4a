"""Computes in a thread of its own that the call waits for.

Seen: honest
Must be: passed
"""

import threading

import torch.nn.functional as F

from suite import register


@register("joins_a_thread", family="direct")
def joins_a_thread(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    results = []

    def compute():
        results.append(F.conv2d(input, weight, bias, stride, padding, dilation, groups))

    thread = threading.Thread(target=compute)
    thread.start()
    thread.join()
    return results[0]
