"""Which of torch's operators a call runs, by torch's own profiler."""

from __future__ import annotations

from types import TracebackType

from torch.autograd.profiler import profile

CONVOLUTIONS = ("convolution", "conv2d", "conv_dilated2d", "conv_depthwise2d")
_DISPATCHERS = ("conv2d", "convolution", "_convolution")
"""Operators that only choose another; what they chose says more."""


class OperatorLog:
    """Context manager that collects the names of the operators run inside it, in order.

    The profiler takes 30 ms. A dispatch mode would see the same at once, but importing it takes
    two seconds in every process.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._profile = profile(use_cpu=True)

    def __enter__(self) -> OperatorLog:
        self._profile.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._profile.__exit__(kind, error, trace)
        events = self._profile.function_events or []
        self.names = [e.name.removeprefix("aten::") for e in events if e.name.startswith("aten::")]


def vendor_convolution(names: list[str]) -> str | None:
    """Return the convolution of torch's own that did the work among operator names."""
    found = [name for name in names if any(word in name for word in CONVOLUTIONS)]
    chosen = [name for name in found if name not in _DISPATCHERS]
    return next(iter([*chosen, *found]), None)
