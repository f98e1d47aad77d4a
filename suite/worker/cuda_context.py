"""A worker's GPU: which one it uses, at what precision, and whether its context is still good."""

from __future__ import annotations

from typing import Any

import torch

from suite.machine.nvml import Card
from suite.messages.answer import Failure
from suite.results.cell import Status

_POISONED = ("cuda error", "cudnn_status_execution_failed", "cublas_status_execution_failed")
"""After these every later call of the process fails, whoever's it is (CUDA's sticky errors)."""
_OUT_OF_MEMORY = "out of memory"


def compute_strictly() -> None:
    """Switch off lower precision than the tensors': torch lets cuDNN use TF32 by default.

    An implementation that wants it asks for it in its call and declares it. Sums of 16-bit
    products are kept in float32, too, where a product is split into parts.
    """
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


def use(device: str) -> tuple[Card | None, str | None]:
    """Make `device` the current one; return its card, or None and why it says nothing."""
    torch.cuda.set_device(torch.device(device) if ":" in device else torch.device("cuda:0"))
    try:
        return Card(uuid()), None
    except LookupError as error:
        return None, str(error)


def uuid() -> str:
    """Return the current card's UUID; empty where torch does not tell it."""
    properties: Any = torch.cuda.get_device_properties(torch.cuda.current_device())
    return str(getattr(properties, "uuid", ""))


def why_poisoned(error: Exception) -> Failure | None:
    """Return the status of an error that has spoilt this process's context, else None.

    A kernel that fails may be noticed only by a later call, so the context itself is asked too.
    """
    text = f"{type(error).__name__}: {error}".strip().splitlines()[0]
    if _is_poison(text):
        return _crashed(text)
    if torch.cuda.is_initialized():
        try:
            torch.cuda.synchronize()
        except RuntimeError as later:
            return _crashed(f"{text}; {str(later).strip().splitlines()[0]}")
    return None


def _is_poison(text: str) -> bool:
    lowered = text.lower()
    return _OUT_OF_MEMORY not in lowered and any(word in lowered for word in _POISONED)


def _crashed(text: str) -> Failure:
    reason = f"{text}; its GPU context is unusable, so it was ended"
    return Failure(status=Status.CRASHED, reason=reason)
