"""The pictures of the lessons, each drawn from the example or from recorded measurements."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from _helper import W, X, Y
from convgauge.suite.lessons.table import read_recorded
from matplotlib.patches import ConnectionPatch, Rectangle

BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#aa4499"
"""Told apart by everybody: M. Okabe and K. Ito's, and one of P. Tol's."""
COLOURS = (BLUE, ORANGE, GREEN, PINK)
SOFT = ("#cfe3f1", "#fbdcc4", "#c9ebe0", "#ecd3e6")


def _axes(count, width=1.7, height=2.0, ratios=None):
    _, axes = plt.subplots(
        1, count, figsize=(width * sum(ratios or [1] * count), height), width_ratios=ratios
    )
    return np.atleast_1d(axes)


def _grid(axes, values, *, title="", colours=None, fmt="g", size=10):
    """Draw numbers in squares, each on a colour."""
    values = np.asarray(values) + 0  # no number is shown as -0
    rows, columns = values.shape
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if colours is None else colours[row][column]
        axes.add_patch(Rectangle((column, row), 1, 1, fc=colour, ec="0.6", lw=0.8))
        text = "" if isinstance(value, float) and np.isnan(value) else f"{value:{fmt}}"
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size)
    axes.set_xlim(-0.1, columns + 0.1)
    axes.set_ylim(rows + 0.1, -0.1)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title(title, fontsize=9)


def _frame(axes, row, column, rows, columns, colour=ORANGE):
    axes.add_patch(Rectangle((column, row), columns, rows, fill=False, ec=colour, lw=3))


def _shades(values):
    """Return a soft colour for each number: blue above zero, orange below."""
    values = np.asarray(values, dtype=float)
    most = np.abs(values).max() or 1

    def shade(value):
        share = 0.65 * abs(value) / most
        full = np.array([0, 0.45, 0.7]) if value >= 0 else np.array([0.84, 0.37, 0])
        return tuple(1 - share * (1 - full))

    return [[shade(value) for value in row] for row in values]


def windows():
    axes = _axes(4)
    for number, (p, q) in enumerate(np.ndindex(2, 2)):
        _grid(axes[number], X, title=f"y[{p}, {q}] = {Y[p, q]}")
        _frame(axes[number], p, q, 3, 3)


def flipped():
    axes = _axes(4)
    turned = W[::-1, ::-1]
    other = [[(X[p : p + 3, q : q + 3] * turned).sum() for q in (0, 1)] for p in (0, 1)]
    _grid(axes[0], W, title="kernel", colours=_shades(W))
    _grid(axes[1], Y, title="correlation", colours=_shades(Y))
    _grid(axes[2], turned, title="turned by 180°", colours=_shades(turned))
    _grid(axes[3], other, title="convolution", colours=_shades(other))


def padding_stride_dilation():
    axes = _axes(3, 2.2, 2.5)
    padded = np.pad(X, 1)
    ring = [["white" if 0 < r < 5 and 0 < c < 5 else "0.88" for c in range(6)] for r in range(6)]
    titles = ("padding 1: zeros around", "stride 2: next window", "dilation 2: taps apart")
    for one, title in zip(axes, titles, strict=True):
        _grid(one, padded, title=title, colours=ring, size=8)
    _frame(axes[0], 0, 0, 3, 3)
    _frame(axes[1], 0, 0, 3, 3)
    _frame(axes[1], 0, 2, 3, 3, BLUE)
    for r in range(0, 5, 2):
        for c in range(0, 5, 2):
            _frame(axes[2], r, c, 1, 1)


def ladder():
    rows = [row for row in read_recorded("ladder").rows if row.flops_per_s]
    names = [
        f"{row.implementation}, threads" if "threads" in row.scenario else row.implementation
        for row in rows
    ]
    _, axes = plt.subplots(figsize=(6.4, 0.33 * len(rows) + 0.8))
    rates = [row.flops_per_s / 1e9 for row in rows]
    axes.barh(range(len(rows)), rates, color=BLUE)
    for place, rate in enumerate(rates):
        axes.text(rate * 1.1, place, f"{rate:.3g}", va="center", fontsize=8)
    peak = rows[0].peak_flops_per_s
    if peak:
        axes.axvline(peak / 1e9, color=ORANGE)
        axes.text(peak / 1.1e9, 0, "peak, one thread", color=ORANGE, fontsize=8, ha="right")
    axes.set_yticks(range(len(rows)), names, fontsize=9)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(min(rates) / 2, max(rates) * 4)
    axes.set_xlabel("GFLOP/s, of the textbook sum")


def registers():
    _, axes = plt.subplots(figsize=(5.2, 3.0))
    for column in range(2):
        axes.add_patch(Rectangle((2 + 2 * column, 0), 1.8, 0.7, fc=SOFT[0], ec="0.5"))
        axes.text(2.9 + 2 * column, 0.35, f"picture {column}", ha="center", va="center", fontsize=9)
    for row in range(6):
        top = 1.1 + 0.8 * row
        axes.add_patch(Rectangle((0.6, top), 0.9, 0.7, fc=SOFT[1], ec="0.5"))
        axes.text(1.05, top + 0.35, f"w{row}", ha="center", va="center", fontsize=9)
        for column in range(2):
            axes.add_patch(Rectangle((2 + 2 * column, top), 1.8, 0.7, fc=SOFT[2], ec="0.5"))
            text = f"sum += w{row} · p{column}"
            axes.text(2.9 + 2 * column, top + 0.35, text, ha="center", va="center", fontsize=8)
    axes.set_xlim(0.4, 6)
    axes.set_ylim(6, -0.2)
    axes.axis("off")


def columns():
    matrix = np.array([X[p : p + 3, q : q + 3].ravel() for p in (0, 1) for q in (0, 1)]).T
    axes = _axes(3, 1.6, 3.4, [1.3, 1.2, 1.8])
    _grid(axes[0], X, title="picture")
    _frame(axes[0], 0, 0, 3, 3)
    _grid(axes[1], matrix, title="windows as columns")
    _frame(axes[1], 0, 0, 9, 1)
    _grid(axes[2], W.reshape(1, 9), title=f"kernel as a row; times columns: {Y.ravel().tolist()}")


def patches():
    axes = _axes(2, 2.2, 2.4)
    colours = [[SOFT[2 * (r // 2) + c // 2] for c in range(4)] for r in range(4)]
    _grid(axes[0], X, title="four patches", colours=colours)
    rows = X.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4)
    _grid(axes[1], rows, title="one in each row", colours=[[SOFT[r]] * 4 for r in range(4)])


def spectra():
    axes = _axes(4)
    of_x, of_w = np.fft.fft2(X), np.fft.fft2(W, X.shape).conj()
    back = np.fft.ifft2(of_x * of_w).real.round().astype(int)
    for one, values, title in zip(
        axes,
        (np.abs(of_x), np.abs(of_w), np.abs(of_x * of_w), back),
        ("picture's spectrum", "kernel's spectrum", "their product", "transformed back"),
        strict=True,
    ):
        _grid(one, values, title=title, colours=_shades(values), fmt=".2g", size=8)
    _frame(axes[3], 0, 0, 2, 2)


def crossover():
    rows = read_recorded("fft").rows
    _, axes = plt.subplots()
    names = list(dict.fromkeys(row.implementation for row in rows))
    for name, colour, mark in zip(names, COLOURS, "osD^", strict=True):
        own = [row for row in rows if row.implementation == name and row.time_s]
        sizes = [int(row.scenario.removeprefix("fft-")) for row in own]
        axes.plot(sizes, [1e3 * row.time_s for row in own], mark + "-", color=colour, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([3, 7, 15, 31], ["3", "7", "15", "31"])
    axes.minorticks_off()
    axes.set_xlabel("kernel size")
    axes.set_ylabel("ms a call")
    axes.legend(frameon=False)


def tile():
    from convgauge.impls._winograd.cook_toom import cook_toom  # noqa: PLC0415

    f = cook_toom(2, 3, (0, 1, -1))
    a, g, b = (np.array(m, dtype=float) for m in (f.output_matrix, f.weight_matrix, f.input_matrix))
    v, u = b @ X @ b.T, g @ W @ g.T
    steps = (X, v, u, u * v, (a @ (u * v) @ a.T).round(9))
    titles = ("tile", "tile transformed", "kernel transformed", "16 products", "results")
    for axes, values, title in zip(_axes(5, 1.75, 2.0), steps, titles, strict=True):
        _grid(axes, values, title=title, colours=_shades(values), fmt=".3g", size=8)


def depthwise():
    _, axes = plt.subplots(1, 2, figsize=(5.6, 2.4))
    for one, title in zip(
        axes, ("usual: every channel meets every other", "depthwise"), strict=True
    ):
        for channel in range(4):
            for place, word in ((0, "in"), (3, "out")):
                one.add_patch(Rectangle((place, channel), 0.9, 0.7, fc=SOFT[channel], ec="0.5"))
                one.text(
                    place + 0.45, channel + 0.35, f"{word} {channel}", ha="center", va="center"
                )
            for other in range(4) if title != "depthwise" else [channel]:
                one.plot([0.9, 3], [channel + 0.35, other + 0.35], color="0.5", lw=0.9)
        one.set_xlim(-0.1, 4)
        one.set_ylim(3.9, -0.1)
        one.axis("off")
        one.set_title(title, fontsize=9)


def backward():
    g = np.array([[1, 0], [0, 2]])
    total = np.zeros((4, 4), dtype=int)
    for p, q in np.ndindex(2, 2):
        total[p : p + 3, q : q + 3] += g[p, q] * W
    axes = _axes(2, 2.4, 2.6, [1, 1.6])
    _grid(axes[0], g, title="gradient of the result", colours=_shades(g))
    _grid(axes[1], total, title="gradient of the input", colours=_shades(total))
    for (p, q), colour in (((0, 0), ORANGE), ((1, 1), BLUE)):
        _frame(axes[1], p, q, 3, 3, colour)
        arrow = ConnectionPatch(
            (q + 0.8, p + 0.5), (q + 0.2, p + 1.5), "data", "data", axesA=axes[0], axesB=axes[1],
            arrowstyle="->", color=colour, lw=2,
        )  # fmt: skip
        axes[0].figure.add_artist(arrow)


def layouts():
    _, axes = plt.subplots(2, 1, figsize=(6.8, 1.9))
    planar = np.concatenate([X.ravel(), X.T.ravel()])
    mixed = np.stack([X.ravel(), X.T.ravel()], axis=1).ravel()
    for one, numbers, channel, title in (
        (axes[0], planar, lambda at: at // 16, "NCHW"),
        (axes[1], mixed, lambda at: at % 2, "NHWC, channels_last"),
    ):
        colours = [[SOFT[channel(at)] for at in range(32)]]
        _grid(one, numbers.reshape(1, -1), title=title, colours=colours, size=7)


def error_histograms(shares):
    _, axes = plt.subplots()
    bins = np.logspace(-4, 0, 41)
    for (name, values), colour in zip(shares.items(), COLOURS, strict=False):
        numbers = np.asarray(values).clip(1.1e-4)
        axes.hist(numbers, bins, histtype="step", lw=2, color=colour, label=name)
    axes.set_xscale("log")
    axes.axvline(1, color="0.3", lw=1)
    axes.set_xlabel("error of an element over its bound")
    axes.set_ylabel("elements")
    axes.legend(frameon=False)


def samples():
    rng = np.random.default_rng(7)
    times = 1 + 0.04 * rng.standard_normal(60)
    times[[9, 23, 24, 41, 55]] *= [2.1, 3.9, 2.6, 2.2, 3.2]
    times[0] = 10
    _, axes = plt.subplots()
    axes.plot(times, "o", color=BLUE, ms=4)
    axes.axhline(times.mean(), color=ORANGE, lw=1.5, label=f"mean {times.mean():.2f} ms")
    axes.axhline(np.median(times), color=GREEN, lw=1.5, label=f"median {np.median(times):.2f} ms")
    axes.set_yscale("log")
    axes.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    axes.minorticks_off()
    axes.set_xlabel("call")
    axes.set_ylabel("ms (made up, to show the kinds)")
    axes.legend(frameon=False)


def roofline():
    rows = [row for row in read_recorded("roofline").rows if row.flops_per_s and row.roof_s]
    peak = rows[0].peak_flops_per_s / 1e9
    # A layer whose roof lies below the peak is on the slope, which tells the memory's rate.
    slopes = [row.flops / row.roof_s / 1e9 / row.intensity for row in rows]
    rate = max(slope for slope in slopes if slope * 0.99 <= min(slopes) * 1.01)
    _, axes = plt.subplots()
    reach = np.logspace(-0.5, 3, 200)
    axes.plot(reach, np.minimum(peak, reach * rate), color="0.3")
    axes.axvline(peak / rate, color="0.7", ls=":", lw=1)
    axes.text(peak / rate * 1.05, peak / 300, "ridge", fontsize=8, color="0.4")
    layers = list(dict.fromkeys(row.scenario for row in rows))
    for row in rows:
        number = layers.index(row.scenario)
        mark = "o" if row.implementation != "torch" else "s"
        label = f"{row.scenario.removeprefix('roofline-')}, {row.implementation}"
        rate_here = row.flops_per_s / 1e9
        axes.plot(row.intensity, rate_here, mark, color=COLOURS[number], label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("operations for each byte")
    axes.set_ylabel("GFLOP/s")
    axes.legend(frameon=False, fontsize=8)


def choices():
    rows = [row for row in read_recorded("libraries").rows if row.time_s]
    layers = list(dict.fromkeys(row.scenario for row in rows))
    _, axes = plt.subplots(figsize=(6.4, 4.6))
    place, ticks = 0, []
    names = list(dict.fromkeys(row.implementation for row in rows))
    palette = dict(zip(names, [*COLOURS, "#e69f00", "#56b4e9", "0.45", "0.7"], strict=False))
    for layer in layers:
        own = sorted((row for row in rows if row.scenario == layer), key=lambda row: row.time_s)
        ticks.append((place + len(own) / 2 - 0.5, layer.removeprefix("choose-")))
        for row in own:
            ratio = row.time_s / own[0].time_s
            axes.barh(place, ratio, color=palette[row.implementation])
            axes.text(ratio * 1.05, place, row.implementation, va="center", fontsize=7)
            place += 1
        place += 1
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(0.9, axes.get_xlim()[1] * 2)
    axes.set_xlabel("time over that of the layer's fastest row")
