"""Files with a layer's own values: weight, bias and some of its input, as `capture` stores them.

A file is an uncompressed .npz, which NumPy writes and reads: a zip archive of arrays, `weight.npy`,
`bias.npy` and `input.npy`. It may have come from anyone. So nothing is unpickled, nothing is
decompressed (a small file cannot become a large one), each array's header is held against its
length, and files beyond `MOST_BYTES` are refused. NumPy is not needed to read one, and torch is
nowhere near.
"""

from __future__ import annotations

import ast
import math
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ARRAYS = ("weight", "bias", "input")
MOST_BYTES = 2**28
"""Of a file: 256 MiB. The largest weight of VGG-19's convolutions has 9 MB."""
MOST_HEADER_BYTES = 2**12
MOST_AXES = 5
_DTYPES = {"<f2": "float16", "<f4": "float32", "<f8": "float64"}
"""NumPy's names of types → ours. It has no bfloat16; float32 holds that exactly."""
_ITEM_BYTES = {"float16": 2, "float32": 4, "float64": 8}
_MAGIC = re.compile(rb"\x93NUMPY([\x01\x02\x03])\x00", re.DOTALL)


@dataclass(frozen=True)
class Array:
    """One array of a file."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes
    """In row-major order; empty where nobody asked for it."""


def read_arrays(path: str | Path, *, data: bool = True) -> dict[str, Array]:
    """Return the arrays of a file by name.

    Args:
        data: the values, too; otherwise types and shapes alone.

    Raises:
        ValueError: it is no such file, and why. OSError is turned into one.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise ValueError("is no file" if path.exists() else "no such file")
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"has more than the {MOST_BYTES} bytes that such a file may have")
        with zipfile.ZipFile(path) as archive:
            return dict(_arrays(archive, data=data))
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"is no archive of arrays as NumPy writes it (.npz): {error}") from error


def _arrays(archive: zipfile.ZipFile, *, data: bool) -> Iterator[tuple[str, Array]]:
    entries = archive.infolist()
    names = [entry.filename.removesuffix(".npy") for entry in entries]
    if unknown := [name for name in names if name not in ARRAYS]:
        raise ValueError(f'holds "{unknown[0][:40]}"; accepted: {", ".join(ARRAYS)}, as .npy')
    if len(set(names)) < len(names):
        raise ValueError("holds an array twice")
    for name, entry in zip(names, entries, strict=True):
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > MOST_BYTES:
            raise ValueError(f"{name} is compressed; numpy.savez stores it as it is")
        yield name, _array(archive, entry, name, data=data)


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, *, data: bool) -> Array:
    with archive.open(entry) as file:
        magic = _MAGIC.fullmatch(file.read(8))
        length_bytes = 2 if magic and magic[1] == b"\x01" else 4
        length = int.from_bytes(file.read(length_bytes), "little")
        if magic is None or length > MOST_HEADER_BYTES:
            raise ValueError(f"{name} is no array as NumPy writes it")
        dtype, shape = _header(file.read(length), name)
        due = math.prod(shape) * _ITEM_BYTES[dtype]
        if entry.file_size - 8 - length_bytes - length != due:
            raise ValueError(f"{name} has another length than its shape {list(shape)} says")
        return Array(dtype, shape, file.read(due) if data else b"")


def _header(text: bytes, name: str) -> tuple[str, tuple[int, ...]]:
    """Return type and shape, from the dict that stands in front of an array's values."""
    try:
        header = ast.literal_eval(text.decode("latin-1").strip())
        descr, is_fortran, shape = header["descr"], header["fortran_order"], header["shape"]
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        raise ValueError(f"{name} has no header as NumPy writes it") from None
    if not isinstance(descr, str) or descr not in _DTYPES:
        raise ValueError(
            f"{name} is of type {str(descr)[:20]!r}; accepted: {', '.join(_DTYPES.values())}"
        )
    sizes = shape if isinstance(shape, tuple) else ()
    are_sizes = all(type(size) is int and 0 <= size <= MOST_BYTES for size in sizes)
    if not isinstance(shape, tuple) or not are_sizes or len(shape) > MOST_AXES:
        raise ValueError(f"{name} has no shape of up to {MOST_AXES} sizes")
    if is_fortran is not False and len([size for size in shape if size > 1]) > 1:
        raise ValueError(f"{name} lies in Fortran's order; numpy.ascontiguousarray turns it")
    return _DTYPES[descr], shape
