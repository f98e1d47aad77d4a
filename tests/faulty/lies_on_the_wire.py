"""Honest arithmetic in a process that changes what its worker says: each name is a lie.

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


def lying(answer, name):
    """Return a handler's answer with a lie in place of some of it."""

    def answer_with_a_lie(asked):
        reply = answer(asked)
        plain = channel.parse(channel.to_json(reply))
        if not (isinstance(plain.get("reply"), dict) and "sample_s" in plain["reply"]):
            return reply
        LIES[name](plain)
        return plain

    return answer_with_a_lie


def replace_handlers(name):
    """Put lying handlers into the table of the loop that called us; no function is replaced."""
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_name != "serve":
        frame = frame.f_back
    for request, handler in list(frame.f_locals["own"].items()) if frame else ():
        answer = lying(handler.answer, name)
        frame.f_locals["own"][request] = channel.Handler(handler.request, answer)


replaced = []


def named(name):
    def function(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        if not replaced:
            replaced.append(name)
            replace_handlers(name)
        return F.conv2d(input, weight, bias, stride, padding, dilation, groups)

    return function


for lie in LIES:
    register(lie, family="direct")(named(lie))
