"""Command lines of MIOpenDriver, as MIOpen logs them with MIOPEN_ENABLE_LOGGING_CMD=1.

Source: driver/conv_driver.hpp of ROCm's MIOpen, `AddCmdLineArgs`, for the options and what they
are where a command leaves them out. In mode trans, too, `in_channels` are those of what goes in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from suite.errors import did_you_mean
from suite.kinds import AXIS_NAMES, CONVOLUTIONS, SIDES, SUFFIXES, TRANSPOSED
from suite.scenario.list_lines import Layer, Line, NoLayer

_COMMAND = re.compile(r"(?:^|.*\bMIOpenDriver(?:\.exe)?\s+)(conv\w*)\s+(-.*)$")
_DTYPES = {"conv": "", "convfp16": "float16", "convbfp16": "bfloat16"}
_LONG = {
    "n": "batchsize",
    "c": "in_channels",
    "H": "in_h",
    "W": "in_w",
    "k": "out_channels",
    "y": "fil_h",
    "x": "fil_w",
    "u": "conv_stride_h",
    "v": "conv_stride_w",
    "p": "pad_h",
    "q": "pad_w",
    "l": "dilation_h",
    "j": "dilation_w",
    "g": "group_count",
    "b": "bias",
    "m": "mode",
    "z": "pad_mode",
    "F": "forw",
    "I": "in_layout",
    "O": "out_layout",
    "f": "fil_layout",
    "_": "spatial_dim",
    "r": "pad_val",
    "!": "in_d",
    "@": "fil_d",
    "#": "conv_stride_d",
    "$": "pad_d",
    "^": "dilation_d",
    "Y": "trans_output_pad_h",
    "X": "trans_output_pad_w",
    "%": "trans_output_pad_d",
}
_OF_THE_PROGRAM = {
    "i": "iter",
    "V": "verify",
    "C": "verification_cache",
    "t": "time",
    "w": "wall",
    "s": "search",
    "P": "printconv",
    "o": "dump_output",
    "d": "in_data",
    "e": "weights",
    "a": "in_bias",
    "D": "dout_data",
    "S": "solution",
    "Z": "tensor_vect",
    "L": "vector_length",
    "G": "gpualloc",
    "U": "use_fp32",
    "T": "in_cast_type",
    "R": "wei_cast_type",
    "A": "out_cast_type",
}
"""How it runs and what it prints; the convolution is the same."""
_OTHER_NAMES = {"conv_stride_0": "conv_stride_h", "conv_stride_1": "conv_stride_w"}
_COLUMNS = {
    "batchsize": ("batch_size", "100"),
    "in_channels": ("in_channels", "3"),
    "out_channels": ("out_channels", "32"),
    "group_count": ("groups", "1"),
}
_COLUMNS_OF_AXIS = {"in": "32", "fil": "3", "conv_stride": "1", "pad": "0", "dilation": "1"}
"""Option → column, and MIOpenDriver's own value where a command leaves it out."""
_KINDS = {"conv": CONVOLUTIONS, "trans": TRANSPOSED}
"""By mode."""
_DIRECTIONS = ((1, "forward"), (2, "backward_data"), (4, "backward_weight"))
_LAYOUTS = {
    "NCHW": "contiguous",
    "NHWC": "channels_last",
    "NCDHW": "contiguous",
    "NDHWC": "channels_last",
}


def is_command(line: str) -> bool:
    return _COMMAND.match(line) is not None


def layers_in(lines: Iterator[Line]) -> Iterator[tuple[int, Layer | str]]:
    """Yield the number of each command's line with its layers, or with why it is none.

    A command that asks for several directions gives a layer for each. Lines between commands, of
    a log, are passed over.
    """
    for line in lines:
        command = _COMMAND.match(line.text)
        if command is None:
            continue
        try:
            for layer in _layers(command[1], command[2].split()):
                yield line.number, layer
        except NoLayer as reason:
            yield line.number, str(reason)


def _layers(word: str, words: list[str]) -> Iterator[Layer]:
    if word not in _DTYPES:
        raise NoLayer(f"{word}: accepted: {', '.join(_DTYPES)}")
    options = _options(words)
    axes, kinds = _axes(options), _kinds(options)
    layer = {"kind": kinds[len(axes) - 1]} | {
        column: options.get(option, usual) for option, (column, usual) in _COLUMNS.items()
    }
    for axis in axes:
        layer |= _of_axis(options, axis)
        if kinds is TRANSPOSED:
            layer[f"output_pad_{axis}"] = options.get(f"trans_output_pad_{axis}", "0")
    if _DTYPES[word]:
        layer["dtype"] = _DTYPES[word]
    if layout := options.get("in_layout"):
        layer["memory_format"] = _memory_format(options, layout)
    if "bias" in options:
        layer["bias"] = "false" if options["bias"] == "0" else "true"
    if "forw" not in options:
        yield layer
        return
    asked = _number("forw", options["forw"]) or 7
    for bit, direction in _DIRECTIONS:
        if asked & bit:
            yield layer | {"direction": direction}


def _options(words: list[str]) -> dict[str, str]:
    """Return option → value, by the long names."""
    long_names = {*_LONG.values(), *_OF_THE_PROGRAM.values(), *_OTHER_NAMES}
    options = {}
    given = iter(words)
    for word in given:
        name, equals, value = word.lstrip("-").partition("=")
        name = _LONG.get(name) or _OF_THE_PROGRAM.get(name) or name
        if not word.startswith("-") or name not in long_names:
            raise NoLayer(
                f'"{word}" is no option of MIOpenDriver conv.{did_you_mean(name, long_names)}'
            )
        options[_OTHER_NAMES.get(name, name)] = value if equals else next(given, "")
    return options


def _kinds(options: dict[str, str]) -> tuple[str, ...]:
    if (mode := options.get("mode", "conv")) not in _KINDS:
        raise NoLayer(f"mode {mode}: accepted: {', '.join(_KINDS)}")
    return _KINDS[mode]


def _axes(options: dict[str, str]) -> str:
    if (mode := options.get("pad_mode", "default")) not in ("default", "conv", "valid"):
        raise NoLayer(f"pad_mode {mode}: write the zeros of each side as -p and -q instead")
    axes = {"2": "hw", "3": "dhw"}
    asked = options.get("spatial_dim", "2")
    if asked not in axes:
        raise NoLayer(f"spatial_dim {asked}: accepted: {', '.join(axes)}")
    return axes[asked]


def _of_axis(options: dict[str, str], axis: str) -> Layer:
    """Return what a command says of one axis, d, h or w."""
    size, kernel, stride, padding, dilation = (
        options.get(f"{name}_{axis}", usual) for name, usual in _COLUMNS_OF_AXIS.items()
    )
    # It looks at pad_mode in mode conv alone.
    if options.get("pad_mode") == "valid" and options.get("mode", "conv") == "conv":
        padding = "0"
    place = SUFFIXES.index(axis)
    return {
        AXIS_NAMES[place]: size,
        f"kernel_{axis}": kernel,
        f"stride_{axis}": stride,
        **dict.fromkeys(SIDES[place], padding),
        f"dilation_{axis}": dilation,
    }


def _memory_format(options: dict[str, str], layout: str) -> str:
    others = {options.get(name, layout) for name in ("out_layout", "fil_layout")}
    if layout not in _LAYOUTS or others != {layout}:
        raise NoLayer(
            f"layouts {', '.join(sorted({layout, *others}))}: accepted: "
            f"{' or '.join(_LAYOUTS)}, the same of input, filter and output"
        )
    return _LAYOUTS[layout]


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise NoLayer(f'{name} is "{text}"; accepted: a whole number')
    return int(text)
