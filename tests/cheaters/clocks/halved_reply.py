"""Halves the seconds of every reply before it is made.

Seen: gpu-mode reference-kernels #162, which halved the list of samples in the timer's frame
Must be: implausible
"""

import sys

import torch.nn.functional as F

from suite import register


def halve(kind):
    honest = kind.__init__

    def halving(self, **fields):
        for name, seconds in fields.items():
            if name == "samples_s":
                fields[name] = tuple(second / 2 for second in seconds)
            elif name == "sample_s" and seconds:
                fields[name] = seconds / 2
        honest(self, **fields)

    kind.__init__ = halving


messages = sys.modules.get("suite.messages.worker")
for kind in ("Turned", "Sampled"):
    if hasattr(messages, kind):
        halve(getattr(messages, kind))


@register("halved_reply", family="fft")
def halved_reply(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
