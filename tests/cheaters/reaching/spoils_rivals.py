"""Writes noise into the output slots of the other rows, by the descriptors of all who have them.

It gets no further than to its own, so that it is as good as any other row.

Seen: own
Must be: passed
"""

import contextlib
import os
from pathlib import Path

import torch.nn.functional as F

from suite import register


def _spoil():
    server = os.getppid()
    parent = Path(f"/proc/{server}/stat").read_text().rpartition(") ")[2].split()[1]
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    for pid in {parent, str(server), *children} - {str(os.getpid())}:
        with contextlib.suppress(OSError):
            for path in Path(f"/proc/{pid}/fd").iterdir():
                if "memfd:convgauge" in str(path.readlink()):
                    size = path.stat().st_size
                    with path.open("r+b", buffering=0) as file:
                        file.write(os.urandom(4096) * (size // 4096))


@register("spoils_rivals", family="direct")
def spoils_rivals(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    _spoil()
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)
