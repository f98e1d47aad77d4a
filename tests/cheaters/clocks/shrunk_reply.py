"""Tells an eighth of the seconds in every reply.

Seen: gpu-mode reference-kernels #162, which halved the samples in the timer's frame
Must be: incorrect or implausible
"""

import sys

import torch.nn.functional as F

from suite import register


def shrink(kind):
    honest = kind.__init__

    def shrinking(self, **fields):
        for name, seconds in fields.items():
            if name == "samples_s":
                fields[name] = tuple(second / 8 for second in seconds)
            elif name == "sample_s" and seconds:
                fields[name] = seconds / 8
        honest(self, **fields)

    kind.__init__ = shrinking


messages = sys.modules.get("convgauge.suite.messages.worker")
for kind in ("Turned", "Sampled"):
    if hasattr(messages, kind):
        shrink(getattr(messages, kind))


@register("shrunk_reply", family="fft")
def shrunk_reply(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
