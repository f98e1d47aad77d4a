"""Let torch believe that there are two NVIDIA GPUs, which compute on the CPU.

On PYTHONPATH, every interpreter imports this by its name before anything else, the fork server
too. What is on "cuda" then lies in the host's memory, and events read the host's clock: speeds
mean nothing, but every line of Python on the way from the command to the report runs as it would
with a card. CUDA graphs cannot be recorded, and cuDNN's operator computes by conv2d.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.util
import sys
import time
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

CARDS = ("Pretended GPU", "Second pretended GPU")
_KEPT: list[Any] = []
"""Kernels given to torch's operators, for as long as the process lives."""
MOST_ROWS = 256
"""Of the operands by which a card's ceilings are measured, which would keep a CPU busy for long."""


class _Event:
    def __init__(self, enable_timing: bool = False) -> None:
        self.at_s = 0.0

    def record(self, stream: object = None) -> None:
        self.at_s = time.perf_counter()

    def synchronize(self) -> None: ...

    def elapsed_time(self, later: _Event) -> float:
        return (later.at_s - self.at_s) * 1e3


class _Stream:
    cuda_stream = 0

    def wait_stream(self, other: object) -> None: ...


class _Graph:
    def __init__(self) -> None:
        raise RuntimeError("CUDA graphs are not pretended")


def _pretend(torch: Any) -> None:
    current = [0]
    properties = SimpleNamespace(
        name=CARDS[0], uuid="0", L2_cache_size=2**20, total_memory=8 * 2**30, major=9, minor=0,
        multi_processor_count=132,
    )  # fmt: skip
    ours = {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: len(CARDS),
        "get_device_name": lambda index=None: CARDS[current[0] if index is None else index],
        "get_device_properties": lambda index=None: properties,
        "get_device_capability": lambda index=None: (9, 0),
        "current_device": lambda: current[0],
        "set_device": lambda device: current.__setitem__(0, torch.device(device).index or 0),
        "synchronize": lambda device=None: None,
        "current_stream": lambda device=None: _Stream(),
        "stream": lambda stream: contextlib.nullcontext(),
        "memory_allocated": lambda device=None: 100 * 2**20,
        "max_memory_allocated": lambda device=None: 101 * 2**20,
        "reset_peak_memory_stats": lambda device=None: None,
        "mem_get_info": lambda device=None: (4 * 2**30, 8 * 2**30),
        "empty_cache": lambda: None,
        "_sleep": lambda cycles: None,
        "Event": _Event,
        "Stream": _Stream,
        "CUDAGraph": _Graph,
    }
    for name, value in ours.items():
        setattr(torch.cuda, name, value)
    torch.version.cuda = "13.0"
    torch.backends.cudnn.is_available = lambda: True
    torch.backends.cudnn.version = lambda: 92400

    _give_cudnn_a_kernel(torch)
    _compute_on_the_host(torch)
    _profile_the_host(torch)


def _give_cudnn_a_kernel(torch: Any) -> None:
    from torch.library import Library

    def convolve(x, weight, padding, stride, dilation, groups, *flags):
        return torch.conv2d(x, weight, None, stride, padding, dilation, groups)

    _KEPT.append(Library("aten", "IMPL"))
    _KEPT[-1].impl("cudnn_convolution", convolve, "CPU")


def _compute_on_the_host(torch: Any) -> None:
    from torch.overrides import TorchFunctionMode

    def on_host(value: object) -> object:
        is_device = isinstance(value, (str, torch.device))
        return "cpu" if is_device and str(value).startswith("cuda") else value

    class OnHost(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            given = {name: on_host(value) for name, value in (kwargs or {}).items()}
            if function is torch.Tensor.to or "device" in given:
                args = tuple(on_host(value) for value in args)
            if isinstance(given.get("device"), int):
                given["device"] = "cpu"  # the number of the current card
            if function is torch.randn and given.get("device"):
                args = tuple(min(size, MOST_ROWS) for size in args)
            return function(*args, **given)

    OnHost().__enter__()


def _profile_the_host(torch: Any) -> None:
    """Have the profiler watch the CPU alone: this torch has no CUPTI."""
    from torch.autograd import profiler

    class Profile(profiler.profile):
        def __init__(self, *args: Any, use_device: str | None = None, **given: Any) -> None:
            super().__init__(*args, **given)

    profiler.profile = Profile


class _AfterTorch(importlib.abc.MetaPathFinder):
    """Pretends as soon as torch has been imported, and costs nothing where it is not."""

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_pretend(module: ModuleType) -> None:
            execute(module)
            _pretend(module)

        spec.loader.exec_module = execute_and_pretend  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _AfterTorch())
