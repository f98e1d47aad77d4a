"""Exercises that are no convolution: what each is asked, and how its answer is judged.

A driver runs beside the exercise and writes down what it gave; a mark, in the examiner's process,
judges that alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from suite.messages.lessons import Marked
from suite.problem import Problem

Arrays = Mapping[str, NDArray[Any]]
Driver = Callable[[Callable[..., Any], str], dict[str, NDArray[Any]]]
Judge = Callable[[Arrays, str], Marked]
"""The second argument is the file of the lesson's recorded table."""


def _fail(*sentences: str) -> Marked:
    return Marked(passed=False, sentences=sentences)


def _pass(*sentences: str) -> Marked:
    return Marked(passed=True, sentences=sentences)


# Layouts: strides of channels_last

STRIDE_SHAPES = ((1, 1, 4, 4), (2, 3, 4, 5), (8, 64, 56, 56), (1, 3, 224, 224))


def drive_strides(function: Callable[..., Any], _recorded: str) -> dict[str, NDArray[Any]]:
    return {"strides": np.array([tuple(function(shape)) for shape in STRIDE_SHAPES], dtype=float)}


def mark_strides(given: Arrays, _recorded: str) -> Marked:
    strides = given["strides"]
    if strides.shape != (len(STRIDE_SHAPES), 4):
        return _fail("strides are four numbers, for N, C, H and W in this order")
    for (n, c, h, w), found in zip(STRIDE_SHAPES, strides.astype(int).tolist(), strict=True):
        expected, contiguous = [h * w * c, 1, w * c, c], [c * h * w, h * w, w, 1]
        if found == expected:
            continue
        shape = f"of shape {(n, c, h, w)}: found {found}, expected {expected}"
        if found == contiguous:
            return _fail(f"{shape}", "these are the strides of NCHW, as torch lays tensors out")
        if sorted(found) == sorted(expected):
            return _fail(
                f"{shape}",
                "the numbers are right and their order is not: the shape stays (N, C, H, W) in "
                "channels_last, only the steps in memory change",
            )
        return _fail(f"{shape}")
    return _pass("the channels of a pixel are neighbours, and a step to the right passes over C")


# Error: operands whose result is far off, within the bound

MOST_PRODUCTS = 1000
FAR_OFF = 0.1


def drive_operands(function: Callable[..., Any], _recorded: str) -> dict[str, NDArray[Any]]:
    x, w = function()
    return {"x": np.asarray(x), "w": np.asarray(w)}


def mark_operands(given: Arrays, _recorded: str) -> Marked:
    x, w = (torch.from_numpy(given[name]) for name in ("x", "w"))
    if fault := _why_not(x, w):
        return _fail(fault)
    exact = F.conv2d(x.double(), w.double())
    error = (F.conv2d(x, w).double() - exact).abs()
    sizes = F.conv2d(x.double().abs(), w.double().abs())
    bound = math.sqrt(w[0].numel()) * 2.0**-24 * sizes
    relative = torch.where(exact == 0, 0.0, error / exact.abs())
    worst = int(relative.argmax())
    share, of_bound = float(relative.flatten()[worst]), float((error / bound).flatten()[worst])
    found = (
        f"the worst element is {float(exact.flatten()[worst]):.3g}, float32 is off by "
        f"{share:.2g} of it, which is {of_bound:.2g} of the bound √K·u·S"
    )
    if share > FAR_OFF:
        return _pass(
            found,
            "so float32 can be off by as much of a result as one likes, and still be as good as it "
            "can be: the bound is relative to the sum of the products' sizes, not to their sum",
        )
    if not float(error.max()):
        return _fail("float32 is exact on these operands; let products be rounded", found)
    return _fail(found, f"find operands with which it is more than {FAR_OFF:g} of it")


def _why_not(x: torch.Tensor, w: torch.Tensor) -> str | None:
    """Return why operands are not what was asked for, or None."""
    if x.dtype is not torch.float32 or w.dtype is not torch.float32:
        return f"both have to be float32, found {x.dtype} and {w.dtype}"
    if x.dim() != 4 or w.dim() != 4 or x.shape[1] != w.shape[1]:
        return f"give (N, C, H, W) and (K, C, R, S); found {tuple(x.shape)} and {tuple(w.shape)}"
    if not 0 < w[0].numel() <= MOST_PRODUCTS:
        return f"at most {MOST_PRODUCTS} products an element; here are {w[0].numel()}"
    if not (x.abs() <= 1).all() or not (w.abs() <= 1).all():
        return "every value has to lie from -1 to 1"
    return None


# Winograd: points that halve the error

OUTPUTS, TAPS = 4, 3
USUAL_POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2))
AT_MOST = 0.7
CHANNELS, TILES = 64, 64


def drive_matrices(function: Callable[..., Any], _recorded: str) -> dict[str, NDArray[Any]]:
    names = ("output", "weight", "input")
    matrices = function()
    return {
        name: np.array([[float(value) for value in row] for row in matrix])
        for name, matrix in zip(names, matrices, strict=True)
    }


def mark_matrices(given: Arrays, _recorded: str) -> Marked:
    tile = OUTPUTS + TAPS - 1
    shapes = {"output": (OUTPUTS, tile), "weight": (tile, TAPS), "input": (tile, tile)}
    for name, shape in shapes.items():
        if given[name].shape != shape:
            return _fail(f"the {name} matrix of F(4, 3) is {shape}, found {given[name].shape}")
    exact = _winograd_error(given, np.float64)
    if not exact < 1e-9:
        return _fail(
            f"in float64 these matrices are off by {exact:.2g}: they do not compute a filter",
            "all points have to differ, and there are five besides infinity",
        )
    error, usual = _winograd_error(given, np.float32), _winograd_error(_usual(), np.float32)
    found = (
        f"relative error over {CHANNELS} channels in float32: {error:.2g}; with 0, ±1, ±2 it is "
        f"{usual:.2g}: {error / usual:.2f} times as much"
    )
    if error > AT_MOST * usual:
        return _fail(found, f"find points with which it is at most {AT_MOST:g} times as much")
    return _pass(found, "the same multiplications, less than the usual error: points are a choice")


def _usual() -> dict[str, NDArray[Any]]:
    """Return the matrices of the points 0, ±1, ±2, by the formulas of the lesson."""
    points, tile = USUAL_POINTS, OUTPUTS + TAPS - 1
    output = np.zeros((OUTPUTS, tile))
    weight, input = np.zeros((tile, TAPS)), np.zeros((tile, tile))
    for j, point in enumerate(points):
        others = [float(other) for other in points if other != point]
        output[:, j] = [float(point) ** i for i in range(OUTPUTS)]
        weight[j] = [
            float(point) ** k / math.prod(float(point) - o for o in others) for k in (0, 1, 2)
        ]
        input[j, : tile - 1] = np.poly(others)[::-1]
    output[-1, -1] = weight[-1, -1] = 1
    input[-1] = np.poly([float(point) for point in points])[::-1]
    return {"output": output, "weight": weight, "input": input}


def _winograd_error(matrices: Arrays, dtype: Any) -> float:
    """Return the relative L2 error of a 3×3 layer by these matrices, computed in `dtype`."""
    rng = np.random.default_rng(4)
    tile = OUTPUTS + TAPS - 1
    d = rng.standard_normal((TILES, CHANNELS, tile, tile)).astype(np.float32)
    g = rng.standard_normal((CHANNELS, TAPS, TAPS)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(d, (TAPS, TAPS), axis=(2, 3))
    exact = np.einsum("tcpqrs,crs->tpq", windows.astype(float), g.astype(float))
    a, w, b = (matrices[name].astype(dtype) for name in ("output", "weight", "input"))
    u, v = w @ g.astype(dtype) @ w.T, b @ d.astype(dtype) @ b.T
    y = a @ (u * v).sum(axis=1) @ a.T
    return float(np.linalg.norm(y - exact) / np.linalg.norm(exact))


# Timing: a measurement that is not fooled


class FakeClock:
    """A clock that shows what calls take, in ticks."""

    def __init__(self, first_s: float, usual_s: float, tick_s: float, late: int) -> None:
        self._now_s = 1000.0
        self._calls = 0
        self._first_s, self._usual_s, self._tick_s, self._late = first_s, usual_s, tick_s, late

    def __call__(self) -> float:
        return math.floor(self._now_s / self._tick_s + 1e-6) * self._tick_s

    def call(self) -> None:
        self._calls += 1
        is_late = self._late and self._calls > 1 and self._calls % self._late == 0
        took_s = self._first_s if self._calls == 1 else self._usual_s * (300 if is_late else 1)
        self._now_s += took_s


TIMED = {
    "nothing is odd": (1e-3, 1e-3, 1e-6, 0),
    "the first call compiles, for 0.2 s": (0.2, 1e-3, 1e-6, 0),
    "every 99th call is interrupted, and takes 300 times as long": (1e-3, 1e-3, 1e-6, 99),
    "the clock ticks every 1 ms, and a call takes 0.13 ms": (1.3e-4, 1.3e-4, 1e-3, 0),
}
"""Case → a fake clock's arguments."""
RIGHT_S = (1e-3, 1e-3, 1e-3, 1.3e-4)


def drive_measure(function: Callable[..., Any], _recorded: str) -> dict[str, NDArray[Any]]:
    clocks = [FakeClock(*case) for case in TIMED.values()]
    return {"seconds": np.array([float(function(clock.call, clock)) for clock in clocks])}


def mark_measure(given: Arrays, _recorded: str) -> Marked:
    seconds = given["seconds"].tolist()
    wrong = [
        f"where {case}: {found * 1e3:.3g} ms, a call takes {right * 1e3:.3g} ms"
        for case, found, right in zip(TIMED, seconds, RIGHT_S, strict=True)
        if not abs(found / right - 1) <= 0.1
    ]
    if not wrong:
        return _pass("neither a first call, nor an interrupted one, nor a coarse clock fools it")
    return _fail(*wrong)


# Roofline: what no depthwise layer exceeds

BOUND = 2.25
"""FLOP a byte: 2·9 operations for an element read and one written, 4 bytes each."""


def drive_bound(function: Callable[..., Any], _recorded: str) -> dict[str, NDArray[Any]]:
    bound, layer = function()
    return {"bound": np.array(float(bound)), "layer": np.array([int(layer[k]) for k in LAYER])}


LAYER = ("batch_size", "channels", "size")


def mark_bound(given: Arrays, _recorded: str) -> Marked:
    n, c, size = given["layer"].tolist()
    if min(n, c, size) < 1:
        return _fail("batch_size, channels and size have to be 1 or more")
    problem = Problem(
        batch_size=n,
        in_channels=c,
        out_channels=c,
        height=size,
        width=size,
        kernel_h=3,
        kernel_w=3,
        pad_top=1,
        pad_bottom=1,
        pad_left=1,
        pad_right=1,
        groups=c,
    )
    bound, intensity = float(given["bound"]), problem.direct_flops / problem.least_bytes(4)
    found = f"that layer does {intensity:.4g} FLOP for every byte; your bound is {bound:.4g}"
    if intensity > bound:
        return _fail(found, "so it is no bound: a layer of your own exceeds it")
    if bound > 1.01 * BOUND:
        return _fail(found, "no layer comes near it: a smaller bound holds for all of them, too")
    if bound < BOUND:
        return _fail(found, "a larger plane exceeds it")
    if intensity < 0.98 * BOUND:
        return _fail(found, "the bound is right; find a layer that comes within 2 % of it")
    return _pass(
        found,
        "a machine that does 20 operations in the time of a byte is idle for nine tenths of it",
    )


# Libraries: which row for which layer

AS_GOOD = 1.25


def drive_choose(function: Callable[..., Any], recorded: str) -> dict[str, NDArray[Any]]:
    layers = _layers(recorded)
    chosen = [str(function(dict(problem))) for _, problem, _ in layers]
    return {"chosen": np.array(chosen, dtype="U64")}


def mark_choose(given: Arrays, recorded: str) -> Marked:
    worse = []
    for (name, _, times_s), row in zip(_layers(recorded), given["chosen"].tolist(), strict=True):
        fastest = min(times_s, key=times_s.__getitem__)
        if row not in times_s:
            worse.append(f"{name}: there is no {row} in its table; there are {', '.join(times_s)}")
        elif times_s[row] > AS_GOOD * times_s[fastest]:
            ratio = times_s[row] / times_s[fastest]
            worse.append(f"{name}: {row} took {ratio:.3g} times as long as {fastest}")
    if worse:
        return _fail(*worse)
    return _pass(f"on each layer at most {AS_GOOD:g} times the fastest recorded time")


def _layers(recorded: str) -> list[tuple[str, dict[str, Any], dict[str, float]]]:
    """Return (scenario, its problem, time of each row) of a recorded table."""
    table = json.loads(Path(recorded).read_text(encoding="utf-8"))
    layers: dict[str, tuple[str, dict[str, Any], dict[str, float]]] = {}
    for row in table["rows"]:
        name = row["scenario"]
        _, _, times_s = layers.setdefault(name, (name, table["problems"][name], {}))
        if row["time_s"] is not None:
            times_s[row["implementation"]] = row["time_s"]
    return list(layers.values())


DRIVERS: dict[str, Driver] = {
    "strides": drive_strides,
    "operands": drive_operands,
    "matrices": drive_matrices,
    "measure": drive_measure,
    "bound": drive_bound,
    "choose": drive_choose,
}
MARKS: dict[str, Judge] = {
    "strides": mark_strides,
    "operands": mark_operands,
    "matrices": mark_matrices,
    "measure": mark_measure,
    "bound": mark_bound,
    "choose": mark_choose,
}
"""Name of the claim, which is the function's, too."""
