"""Which of torch's operators a call runs."""

from __future__ import annotations

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

CONVOLUTIONS = ("convolution", "conv2d", "conv_dilated2d", "conv_depthwise2d", "mkldnn_conv")


class OperatorLog(TorchDispatchMode):
    """Context manager that collects the names of the operators run inside it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(str(func).removeprefix("aten.").partition(".")[0])
        return func(*args, **(kwargs or {}))


def vendor_convolution(names: list[str]) -> str | None:
    """Return the first of torch's own convolutions among operator names."""
    return next((name for name in names if any(word in name for word in CONVOLUTIONS)), None)
