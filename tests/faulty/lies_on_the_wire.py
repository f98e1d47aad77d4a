"""Honest arithmetic in a process that replaces what its worker says: each name is a lie.

The worker's own code runs in the same process, so that nothing keeps an implementation from it.
"""

import sys

import torch.nn.functional as F

from suite import register
from suite.processes import channel

LIES = {
    "nan_seconds": lambda reply: reply["reply"].update(sample_s=float("nan")),
    "negative_seconds": lambda reply: reply.update(inside_s=-1.0),
    "huge_seconds": lambda reply: reply.update(inside_s=10**400),
    "seconds_in_a_list": lambda reply: reply.update(inside_s=[0.1]),
    "no_sample": lambda reply: reply["reply"].update(sample_s=None),
    "one_output_more": lambda reply: reply["reply"]["channels_last"].append(False),
    "missing_field": lambda reply: reply.pop("quiet"),
    "extra_field": lambda reply: reply.update(verdict="passed"),
    "passes_itself": lambda reply: reply.update(
        reply=None, failure={"status": "passed", "reason": ""}
    ),
}
honest = channel.to_json


def lying(record):
    """Return the frame with the lie of whoever is being timed here in it."""
    text = honest(record)
    frame = channel.parse(text)
    if not (timed and isinstance(frame.get("reply"), dict) and "sample_s" in text):
        return text
    LIES[timed[0]](frame["reply"])
    return honest(frame)


timed = []
if "suite.worker.process" in sys.modules:
    channel.to_json = lying


def named(name):
    def function(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        timed[:] = [name]
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)

    return function


for lie in LIES:
    register(lie, family="direct")(named(lie))
