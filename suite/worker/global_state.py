"""torch's global state: what an implementation must leave as it found it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def _flags() -> dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """Return name → (read, write) for every flag that changes what or how fast others compute."""
    cudnn, onednn = torch.backends.cudnn, torch.backends.mkldnn

    def attribute(holder: Any, name: str) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
        return lambda: getattr(holder, name), lambda value: setattr(holder, name, value)

    return {
        "number of threads": (torch.get_num_threads, torch.set_num_threads),
        "default dtype": (torch.get_default_dtype, torch.set_default_dtype),
        "grad mode": (torch.is_grad_enabled, torch.set_grad_enabled),
        "deterministic algorithms": (
            torch.are_deterministic_algorithms_enabled,
            torch.use_deterministic_algorithms,
        ),
        "float32 matmul precision": (
            torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision,
        ),
        "cuda.matmul.allow_tf32": attribute(torch.backends.cuda.matmul, "allow_tf32"),
        **{
            f"cuda.matmul.{name}": attribute(torch.backends.cuda.matmul, name)
            for name in (
                "allow_fp16_reduced_precision_reduction",
                "allow_bf16_reduced_precision_reduction",
            )
        },
        "cudnn.allow_tf32": attribute(cudnn, "allow_tf32"),
        "cudnn.enabled": attribute(cudnn, "enabled"),
        "cudnn.benchmark": attribute(cudnn, "benchmark"),
        "cudnn.deterministic": attribute(cudnn, "deterministic"),
        "mkldnn.enabled": attribute(onednn, "enabled"),
        "random state": (
            lambda: torch.random.get_rng_state().numpy().tobytes(),
            lambda value: torch.random.set_rng_state(
                torch.frombuffer(bytearray(value), dtype=torch.uint8)
            ),
        ),
    }


class GlobalState:
    """A snapshot; `restore` puts back what changed since and says what that was."""

    def __init__(self) -> None:
        self._flags = _flags()
        self._before = {name: read() for name, (read, _) in self._flags.items()}

    def restore(self) -> list[str]:
        """Return one phrase for each flag that had changed, e.g. "number of threads 2 → 1"."""
        changed = []
        for name, (read, write) in self._flags.items():
            before, now = self._before[name], read()
            if now != before:
                write(before)
                values = "" if name == "random state" else f" {before} → {now}"
                changed.append(f"{name}{values}")
        return changed
