"""Problems of oneDNN's benchdnn: `mb1ic64ih56oc64oh56kh3ph1n"name"`, with knobs between them.

Source: tests/benchdnn of oneDNN, `str2desc` and `init_pad_r` of conv/conv_aux.cpp and
deconv/deconv_aux.cpp for what is meant where something is left out, doc/driver_conv.md for the
knobs. dh0 is no dilation there, which is 1 in torch. Problems behind `--deconv` are transposed:
nothing in their own description tells them from others.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from suite.kinds import AXIS_NAMES, CONVOLUTIONS, SIDES, SUFFIXES, TRANSPOSED
from suite.scenario.list_lines import Layer, Line, NoLayer

_SIZE = r"(?:g|mb|[io]c|[ioksp][dhw]|d[dhw])"
_PROBLEM = re.compile(rf'((?:_*{_SIZE}\d+)+)_*(?:n"?([^"]*)"?)?')
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_NAME = re.compile(r"(.*)\*(\d+)")
"""n"res2b_branch2a*2": two of them in the network."""
_DIRECTIONS = {
    "FWD_B": ("forward", "true"),
    "FWD_D": ("forward", "false"),
    "FWD_I": ("forward", "false"),
    "BWD_D": ("backward_data", "false"),
    "BWD_W": ("backward_weight", "false"),
    "BWD_WB": ("backward_weight", "true"),
}
_DTYPES = {
    "f32": "float32",
    "f64": "float64",
    "bf16": "bfloat16",
    "f16": "float16",
    "bf16bf16bf16": "bfloat16",
    "f16f16f16": "float16",
}
_FORMATS = {
    "any": "",
    "abx": "contiguous",
    "nchw": "contiguous",
    "abcd": "contiguous",
    "axb": "channels_last",
    "nhwc": "channels_last",
    "acdb": "channels_last",
}


@dataclass(frozen=True)
class _Knobs:
    """What stands before a problem and holds for all that follow."""

    directions: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    batch_size: int = 0
    """0: the problem's own."""
    memory_formats: tuple[str, ...] = ()
    transposed: bool = False
    """Whether benchdnn's driver is deconv."""


def is_problem(line: str) -> bool:
    """Return whether a line has a problem's description, alone or behind knobs."""
    return any(_is_problem(word) for word in _WORD.findall(line))


def _is_problem(word: str) -> bool:
    found = _PROBLEM.fullmatch(word)
    return found is not None and {"ic", "oc"} <= set(re.findall(r"[a-z]+", found[1]))


def layers_in(lines: Iterator[Line]) -> Iterator[tuple[int, Layer | str]]:
    """Yield the number of each problem's line with its layers, or with why it is none.

    Knobs about the directions, types, layout and batch hold from their line on, as there; those
    about how benchdnn runs are passed over, and so are attributes, what is fused to a convolution.
    """
    knobs = _Knobs()
    for number, text in lines:
        for word in _WORD.findall(text):
            try:
                if word.startswith("-"):
                    knobs = _turned(knobs, word)
                elif _is_problem(word):
                    for layer in _layers(knobs, word):
                        yield number, layer
                elif not re.search(r"benchdnn(\.exe)?$", word):
                    raise NoLayer(f'"{word}" is no problem of benchdnn, as mb1ic64ih56oc64kh3ph1')
            except NoLayer as reason:
                yield number, str(reason)


def _turned(knobs: _Knobs, word: str) -> _Knobs:
    """Return the knobs after one of them was turned."""
    name, _, text = word.lstrip("-").partition("=")
    values = tuple(text.split(","))
    turned: dict[str, Any] = {}
    if name == "reset":
        return _Knobs(transposed=knobs.transposed)
    if name == "batch":
        raise NoLayer(f"--batch={text} names another file; give that one")
    if name in ("rnn", "matmul", "ip", "pool", "bnorm"):
        raise NoLayer(f"--{name}: only --conv and --deconv are read")
    if name in ("conv", "deconv"):
        turned["transposed"] = name == "deconv"
    elif name == "dir":
        turned["directions"] = _known("dir", values, _DIRECTIONS)
    elif name in ("dt", "cfg"):
        turned["dtypes"] = _known(name, [_one_type(value) for value in values], _DTYPES)
    elif name == "stag":
        turned["memory_formats"] = _known("stag", values, _FORMATS)
    elif name == "mb":
        if not text.isdecimal():
            raise NoLayer(f'--mb is "{text}"; accepted: a whole number')
        turned["batch_size"] = int(text)
    return replace(knobs, **turned)


def _known(name: str, values: Sequence[str], known: Mapping[str, object]) -> tuple[str, ...]:
    for value in values:
        if value not in known:
            raise NoLayer(f"--{name}={value}: accepted: {', '.join(known)}")
    return tuple(values)


def _one_type(text: str) -> str:
    """Return "f32" for "f32:f32:f32"; what mixes types stays as it is."""
    types = set(text.split(":"))
    return types.pop() if len(types) == 1 else text


def _layers(knobs: _Knobs, word: str) -> Iterator[Layer]:
    """Yield a problem's layers, one for each combination of what the knobs say.

    Where a knob has several values, a layer's name tells which it has.
    """
    layer = _layer(word, knobs.batch_size, transposed=knobs.transposed)
    asked = (knobs.directions, knobs.dtypes, knobs.memory_formats)
    for values in itertools.product(*(several or ("",) for several in asked)):
        direction, dtype, tag = values
        conditions: Layer = {}
        if direction:
            conditions["direction"], conditions["bias"] = _DIRECTIONS[direction]
        if dtype:
            conditions["dtype"] = _DTYPES[dtype]
        if tag and _FORMATS[tag]:
            conditions["memory_format"] = _FORMATS[tag]
        telling = [v for v, several in zip(values, asked, strict=True) if len(several) > 1]
        if "name" in layer:
            conditions["name"] = "-".join([layer["name"], *telling])
        yield layer | conditions


def _layer(word: str, batch_size: int, *, transposed: bool) -> Layer:
    found = _PROBLEM.fullmatch(word)
    assert found is not None
    sizes = {key: int(number) for key, number in re.findall(r"([a-z]+)(\d+)", found[1])}
    axes = _axes(sizes)
    layer = {}
    name = found[2] or ""
    if counted := _NAME.fullmatch(name):
        name = counted[1]
        layer["occurrences"] = counted[2]
    if name:
        layer["name"] = name
    numbers = {
        "batch_size": batch_size or sizes.get("mb", 2),
        "in_channels": sizes["ic"],
        "out_channels": sizes["oc"],
        "groups": sizes.get("g", 1),
    }
    for axis in axes:
        place = SUFFIXES.index(axis)
        if transposed:
            before, longer = _transposed_padding(sizes, axis)
            numbers |= dict.fromkeys(SIDES[place], before) | {f"output_pad_{axis}": longer}
        else:
            numbers |= zip(SIDES[place], _padding(sizes, axis), strict=True)
        numbers |= {
            AXIS_NAMES[place]: sizes[f"i{axis}"],
            f"kernel_{axis}": sizes[f"k{axis}"],
            f"stride_{axis}": sizes.get(f"s{axis}", 1),
            f"dilation_{axis}": sizes.get(f"d{axis}", 0) + 1,
        }
    layer["kind"] = (TRANSPOSED if transposed else CONVOLUTIONS)[len(axes) - 1]
    return layer | {column: str(number) for column, number in numbers.items()}


def _axes(sizes: dict[str, int]) -> str:
    """Return the axes of a problem, and add what was left out: as deep and as wide as high."""
    axes = "".join(axis for axis in SUFFIXES if any(f"{kind}{axis}" in sizes for kind in "iok"))
    if axes in ("h", "d"):  # the smaller ones are as the one that is given
        for other in "hw"["dh".index(axes) :]:
            sizes |= {f"{key[0]}{other}": n for key, n in sizes.items() if key[1:] == axes}
        return "dhw"["dh".index(axes) :]
    return axes if axes in ("w", "hw", "dhw") else "dhw"


def _padding(sizes: dict[str, int], axis: str) -> tuple[int, int]:
    """Return the zeros before and behind one axis.

    Those behind follow from the output. They are as many as before it where that makes the same
    output, as a kernel that does not fit once more reads none of them.
    """
    size, stride, covered = _along(sizes, axis)
    before, outputs = sizes.get(f"p{axis}"), sizes.get(f"o{axis}")
    if outputs is None or stride < 1:
        return before or 0, before or 0
    needed = (outputs - 1) * stride + covered - size
    if before is None:
        before = max(needed, 0) // 2
    behind = needed - before
    for padding in (before, max(behind, 0)):
        if (size + before + padding - covered) // stride + 1 == outputs:
            return before, padding
    raise NoLayer(f"o{axis}{outputs} is smaller than what i{axis}, k{axis}, s{axis}, p{axis} make")


def _transposed_padding(sizes: dict[str, int], axis: str) -> tuple[int, int]:
    """Return the padding of both sides, and the output padding that makes the output so long."""
    size, stride, covered = _along(sizes, axis)
    full = (size - 1) * stride + covered
    before, outputs = sizes.get(f"p{axis}"), sizes.get(f"o{axis}")
    if outputs is None:
        return before or 0, 0
    if before is None:
        before = max(full - outputs, 0) // 2
    longer = outputs - (full - 2 * before)
    if longer < 0:
        raise NoLayer(
            f"o{axis}{outputs} is {-longer} less than what i{axis}, k{axis}, s{axis}, p{axis} "
            "make: torch pads both sides alike"
        )
    return before, longer


def _along(sizes: dict[str, int], axis: str) -> tuple[int, int, int]:
    """Return the input's size along an axis, the stride, and what a kernel covers."""
    missing = [f"{kind}{axis}" for kind in "ik" if f"{kind}{axis}" not in sizes]
    if missing:
        raise NoLayer(f"{' and '.join(missing)} missing")
    covered = (sizes[f"k{axis}"] - 1) * (sizes.get(f"d{axis}", 0) + 1) + 1
    return sizes[f"i{axis}"], sizes.get(f"s{axis}", 1), covered
