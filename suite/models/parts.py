"""Where the time of one pass goes: each convolution in its place and alone, and what is none.

A layer's sum over a scenario file says what its convolutions take one by one, in caches that hold
nothing else. In a network weights and inputs come from memory, and other operators stand between.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.profiler import ProfilerActivity, profile, record_function

from suite.models.calling import Call
from suite.network.bench import LayerClock
from suite.results.network_parts import LayerTime, NetworkParts
from suite.stats.intervals import block_time_s

PASSES = 7
MOST_S = 1.5
"""Of passes of a kind; the least are three."""
LEAST_PASSES = 3
ALONE_CALLS = 5
ALONE_S = 0.05
"""Of one layer's calls again and again, if a single one is not longer."""
MARK = "convgauge::convolution"
MOST_KINDS = 8
REST = "Python, and the smallest operators"
KINDS = {
    "aten::batch_norm": "batch norm",
    "aten::_native_batch_norm_legit": "batch norm",
    "aten::layer_norm": "layer norm",
    "aten::group_norm": "group norm",
    "aten::linear": "linear",
    "aten::addmm": "linear",
    "aten::matmul": "matrix product",
    "aten::scaled_dot_product_attention": "attention",
    "aten::max_pool2d": "pooling",
    "aten::avg_pool2d": "pooling",
    "aten::adaptive_avg_pool2d": "pooling",
    "aten::mean": "pooling",
    "aten::cat": "joining",
    "aten::add": "addition",
    "aten::mul": "multiplication",
    **dict.fromkeys(("aten::slice", "aten::view", "aten::flatten", "aten::permute"), "views"),
    "aten::pad": "padding",
    "aten::constant_pad_nd": "padding",
    **dict.fromkeys(
        ("aten::contiguous", "aten::clone", "aten::copy", "aten::to", "aten::reshape"),
        "layout and copies",
    ),
    **{
        f"aten::{name}": "activation"
        for name in (
            *("relu", "relu6", "silu", "gelu", "hardswish", "hardsigmoid", "hardtanh", "sigmoid"),
            *("leaky_relu", "clamp_min", "softmax", "mish", "elu", "tanh"),
        )
    },
}
"""torch's operator → what it is called here; in-place forms are the same."""


def parts_of(model: nn.Module, call: Call, row: torch.Tensor) -> NetworkParts | None:
    """Return where a pass goes; None where no module of it is a convolution.

    Args:
        call: runs the model on a row of numbers.
    """
    layers = {path: module for path, module in model.named_modules() if _is_convolution(module)}
    if not layers:
        return None
    passes_s = _passes_s(lambda: call(row))
    clock = LayerClock(model, list(layers))

    def clocked() -> None:
        with clock:
            call(row)

    _passes_s(clocked)
    inside = {path: block_time_s(samples) for path, samples in clock.samples_s.items()}
    alone_s, calls = _alone(layers, lambda: call(row))
    pass_s = block_time_s(passes_s)
    return NetworkParts(
        pass_s=pass_s,
        layers=tuple(
            LayerTime(layer=path, calls=calls[path], inside_s=inside[path], alone_s=alone_s[path])
            for path in layers
            if calls[path]
        ),
        others=_others(layers, lambda: call(row), max(0.0, pass_s - sum(inside.values()))),
    )


def _is_convolution(module: nn.Module) -> bool:
    return isinstance(module, _ConvNd) and not isinstance(module, torch.jit.ScriptModule)


def _passes_s(once: Callable[[], object]) -> list[float]:
    took_s: list[float] = []
    while len(took_s) < LEAST_PASSES or (len(took_s) < PASSES and sum(took_s) < MOST_S):
        began = time.perf_counter()
        once()
        took_s.append(time.perf_counter() - began)
    return took_s


def _alone(
    layers: dict[str, nn.Module], once: Callable[[], object]
) -> tuple[dict[str, float], Counter[str]]:
    """Return what each layer's calls take again and again on what reaches them, and their number.

    They are made where the pass reaches the layer, so that nothing of it has to be kept.
    """
    alone_s: dict[str, float] = dict.fromkeys(layers, 0.0)
    calls: Counter[str] = Counter()

    def measuring(path: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def measure(module: nn.Module, args: tuple[Any, ...]) -> None:
            module.forward(*args)
            took_s: list[float] = []
            while len(took_s) < 2 or (len(took_s) < ALONE_CALLS and sum(took_s) < ALONE_S):
                began = time.perf_counter()
                module.forward(*args)
                took_s.append(time.perf_counter() - began)
            alone_s[path] += min(took_s)
            calls[path] += 1

        return measure

    handles = [module.register_forward_pre_hook(measuring(path)) for path, module in layers.items()]
    try:
        once()
    finally:
        for handle in handles:
            handle.remove()
    return alone_s, calls


def _others(
    layers: dict[str, nn.Module], once: Callable[[], object], seconds: float
) -> dict[str, float]:
    """Return what operators outside of convolutions take, as shares of `seconds`.

    The profiler makes short operators longer, so that it tells shares and no times.
    """
    handles: list[Any] = []
    entered: list[Any] = []

    def enter(_module: nn.Module, _inputs: object) -> None:
        mark = record_function(MARK)
        mark.__enter__()
        entered.append(mark)

    def leave(_module: nn.Module, _inputs: object, _output: object) -> None:
        entered.pop().__exit__(None, None, None)

    for module in layers.values():
        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(leave))
    try:
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            once()
    finally:
        for handle in handles:
            handle.remove()
    shares: dict[str, float] = defaultdict(float)
    for name, took in _outside(profiler.events()):
        shares[KINDS.get(name.rstrip("_"), name.removeprefix("aten::"))] += took
    all_of_it = sum(shares.values())
    if not all_of_it:
        return {REST: seconds} if seconds else {}
    kinds = sorted(shares.items(), key=lambda item: -item[1])[:MOST_KINDS]
    others = {kind: seconds * took / all_of_it for kind, took in kinds}
    rest = seconds - sum(others.values())
    return {**others, REST: rest} if rest > 1e-9 else others


def _outside(events: Any) -> Iterator[tuple[str, float]]:
    """Yield name and microseconds of each outermost operator that is in no convolution."""
    for event in events:
        if not event.name.startswith("aten::"):
            continue
        above = event.cpu_parent
        while above is not None and above.name != MARK and not above.name.startswith("aten::"):
            above = above.cpu_parent
        if above is None:
            yield event.name, float(event.cpu_time_total)
