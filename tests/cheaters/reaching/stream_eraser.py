"""Overwrites the random streams in the shared memory, by every descriptor in reach, so that every
timed call gets the same operand; answers from memory then.

Seen: own
Must be: incorrect
"""

import contextlib
import mmap
import os
from pathlib import Path

import torch
import torch.nn.functional as F

from suite import register

_answers = []


def _ancestors():
    pid = os.getpid()
    while pid > 1:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])


def _erase():
    for pid in _ancestors():
        with contextlib.suppress(OSError):
            for path in Path(f"/proc/{pid}/fd").iterdir():
                _overwrite(path)


def _overwrite(path):
    with contextlib.suppress(OSError, ValueError):
        if "memfd:convgauge" not in str(path.readlink()):
            return
        size = path.stat().st_size
        with contextlib.suppress(OSError), path.open("r+b", buffering=0) as file:
            file.write(bytes(size))
        with path.open("r+b", buffering=0) as file, mmap.mmap(file.fileno(), size) as memory:
            memory[:] = bytes(size)


class Packed:
    def __init__(self, weight):
        self.weight = weight


def prepare(weight, problem):
    _answers.clear()
    _erase()
    return Packed(weight)


@register("stream_eraser", family="fft", prepare=prepare)
def stream_eraser(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    w = weight.weight if isinstance(weight, Packed) else weight
    key = (input.shape, float(torch.linalg.vector_norm(w)))
    known = [answer for known, answer in _answers if known == key]
    if not known:
        known = [F.conv2d(input, w, bias, stride, padding, dilation, groups)]
        _answers.append((key, known[0]))
    return known[0].clone()
