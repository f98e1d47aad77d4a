"""Honest: a child of its own that waits to be asked, and idles while others have their turns.

Seen: -
Must be: passed
"""

import subprocess
import sys

import torch.nn.functional as F

from suite import register

helper = []


@register("keeps_a_helper", family="vendor")
def keeps_a_helper(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if not helper:
        code = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        helper.append(subprocess.Popen([sys.executable, "-S", "-c", code], **pipes))
    helper[0].stdin.write("now\n")
    helper[0].stdin.flush()
    assert helper[0].stdout.readline() == "now\n"
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
