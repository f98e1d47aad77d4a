"""A kernel in C, called through ctypes: any library with a C interface joins like this.

In a copy of the repository:

    convgauge check --plugin examples/c_kernel.py
    convgauge run quick --plugin examples/c_kernel.py --impl my_c
"""

import ctypes
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F

from convgauge import Unsupported, register

SOURCE = Path(__file__).with_name("c_kernel.c")


@functools.cache
def library():
    """Compile the C file, once a process, and load it."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "c_kernel.so"
        compiler = ["cc", "-O3", "-march=native", "-fPIC", "-shared"]
        subprocess.run([*compiler, str(SOURCE), "-o", str(built)], check=True)
        loaded = ctypes.CDLL(str(built))
    long, pointer = ctypes.c_long, ctypes.c_void_p
    loaded.convolve_plane.argtypes = [pointer, long, pointer, *[long] * 4, pointer, long, long]
    return loaded


def why_not():
    """Say why it cannot run here: the table shows it in place of a time."""
    return None if shutil.which("cc") else "needs a C compiler called cc"


@register("my_c", family="direct", devices=("cpu",), dtypes=("float32",), available=why_not)
def my_c(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """One plane after the other; the innermost loop runs along a row, so that it is a vector."""
    if groups != 1 or tuple(dilation) != (1, 1):
        raise Unsupported("needs one group and no dilation")
    (pad_h, pad_w), (stride_h, stride_w) = padding, stride
    x = F.pad(input, (pad_w, pad_w, pad_h, pad_h)).contiguous()
    weight = weight.contiguous()
    kernel_h, kernel_w = weight.shape[2:]
    rows, columns = (x.shape[2] - kernel_h) // stride_h + 1, (x.shape[3] - kernel_w) // stride_w + 1
    out = torch.zeros(len(x), len(weight), rows, columns)
    convolve_plane, width = library().convolve_plane, x.shape[3]
    for n, image in enumerate(x):
        for k, kernels in enumerate(weight):
            for plane, kernel in zip(image, kernels, strict=True):
                convolve_plane(
                    plane.data_ptr(), width,
                    kernel.data_ptr(), kernel_h, kernel_w, stride_h, stride_w,
                    out[n, k].data_ptr(), rows, columns,
                )  # fmt: skip
    return out if bias is None else out + bias[:, None, None]
