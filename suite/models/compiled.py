"""torch.compile of a whole model, as it comes and with its weights frozen into the code."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import torch

from suite.errors import Unsupported
from suite.models.calling import calling
from suite.models.subject import Subject


def usual(subject: Subject) -> tuple[Callable[..., Any], str]:
    """Return a model compiled by Inductor; its first calls have compiled it."""
    return _compiled(subject, {})


def frozen(subject: Subject) -> tuple[Callable[..., Any], str]:
    """Return the same with weights as constants: folded, reordered and fused. Not for training."""
    if subject.network.train:
        raise Unsupported("frozen weights have no gradients")
    return _compiled(subject, {"freezing": True})


def _compiled(subject: Subject, options: dict[str, Any]) -> tuple[Callable[..., Any], str]:
    if not (shutil.which("g++") or shutil.which("clang++")):
        raise Unsupported("torch.compile needs a C++ compiler on this machine: install g++")
    import torch._inductor.config as inductor  # noqa: PLC0415

    inductor.compile_threads = 1  # its helpers would outlive the call
    function = torch.compile(subject.modules, dynamic=False, options=options or None)
    called = calling(function, subject.network, subject.dtype)
    for _ in range(2):  # the second finds what the first compiled, and compiles nothing
        row = torch.ones(subject.network.input_elements, dtype=subject.dtype)
        called.finish(called.call(row))
    return function, ""
