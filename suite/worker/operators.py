"""Which of torch's operators a call runs, and the kernels under them, by torch's own profiler."""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

import torch
from torch.autograd.profiler import profile

from suite.results.kernels import WhatRan, onednn_ran, what_ran

CONVOLUTIONS = (
    "convolution",
    "conv2d",
    "conv3d",
    "conv_dilated2d",
    "conv_dilated3d",
    "conv_depthwise2d",
    "conv_transpose",
)
_DISPATCHERS = (
    "convolution",
    "_convolution",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
)
"""Operators that only choose another; what they chose says more."""


class OperatorLog:
    """Context manager that collects the names of the operators run inside it, in order.

    The profiler takes 30 ms. A dispatch mode would see the same at once, but importing it takes
    two seconds in every process. `ran` are the kernels: on CUDA as the profiler saw them, on a
    CPU as oneDNN reports them; None where neither says anything.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.names: list[str] = []
        self.ran: WhatRan | None = None
        self._cuda = device.startswith("cuda")
        self._profile = (
            profile(use_cpu=True, use_device="cuda", use_kineto=True)
            if self._cuda
            else profile(use_cpu=True)
        )
        self._verbose = OnednnVerbose()

    def __enter__(self) -> OperatorLog:
        self._profile.__enter__()
        if not self._cuda:
            self._verbose.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._cuda:
            torch.cuda.synchronize()
        else:
            self._verbose.__exit__(kind, error, trace)
        self._profile.__exit__(kind, error, trace)
        self.names = _operators(self._profile.kineto_results)
        if self._cuda:
            self.ran = what_ran(kernel_names(self._profile.function_events or []))
        else:
            self.ran = onednn_ran(self._verbose.text)


def _operators(results: Any) -> list[str]:
    """Return the names of torch's operators in a profile, in the order in which they began.

    As they were recorded: what the profiler makes of events in Python takes 25 times as long, half
    a second for the thousands of a loop over groups.
    """
    if results is None:
        return []
    events = [event for event in results.events() if event.name().startswith("aten::")]
    # One that calls another may begin in the same nanosecond, and ends later.
    events.sort(key=lambda event: (event.start_ns(), -event.duration_ns()))
    return [event.name().removeprefix("aten::") for event in events]


class OnednnVerbose:
    """Context manager that catches what oneDNN says of the primitives it executes.

    It prints to the process's standard output, below Python's; that goes to a file meanwhile.
    """

    def __init__(self) -> None:
        self.text = ""
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> OnednnVerbose:
        self._stack.enter_context(self._redirected())
        onednn = torch.backends.mkldnn
        if onednn.is_available():
            self._stack.enter_context(onednn.verbose(onednn.VERBOSE_ON))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @contextlib.contextmanager
    def _redirected(self) -> Iterator[None]:
        _flush_stdio()
        before = os.dup(1)
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 1)
            try:
                yield
            finally:
                _flush_stdio()
                os.dup2(before, 1)
                os.close(before)
                file.seek(0)
                self.text = file.read().decode(errors="replace")


def _flush_stdio() -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):  # Windows has no handle for it
        ctypes.CDLL(None).fflush(None)


def kernel_names(events: Iterable[Any]) -> list[str]:
    """Return the names of the profiler's events that ran on a GPU, in order of their start."""
    on_gpu = [event for event in events if str(event.device_type).endswith("CUDA")]
    return [event.name for event in sorted(on_gpu, key=lambda event: event.time_range.start)]


def vendor_convolution(names: list[str]) -> str | None:
    """Return the convolution of torch's own that did the work among operator names."""
    convolutions = [name for name in names if any(word in name for word in CONVOLUTIONS)]
    chosen = [name for name in convolutions if name not in _DISPATCHERS]
    return next(iter([*chosen, *convolutions]), None)
