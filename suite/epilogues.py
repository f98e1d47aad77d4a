"""What may follow a convolution at once: a residual sum, an activation, or both in that order.

An epilogue's name is one of `EPILOGUES`: "relu" is an activation, "add" the sum with a residual of
the output's shape, "add_relu" that sum and then the activation.
"""

from __future__ import annotations

NONE = "none"
ACTIVATIONS = ("relu", "relu6", "silu", "hardswish", "gelu", "sigmoid")
EPILOGUES = (NONE, *ACTIVATIONS, "add", *(f"add_{name}" for name in ACTIVATIONS))

STEEPEST = {"": 1.0, "relu": 1.0, "relu6": 1.0, "sigmoid": 0.25}
STEEPEST |= {"silu": 1.1, "hardswish": 1.5, "gelu": 1.13}
"""Largest slope of an activation, rounded up: by so much an error before it may grow."""
EXACT = ("", "relu", "relu6")
"""Those that round nothing."""


def adds(epilogue: str) -> bool:
    """Return whether a residual is added."""
    return epilogue == "add" or epilogue.startswith("add_")


def activation_of(epilogue: str) -> str:
    """Return the activation's name, an empty text where there is none."""
    return "" if epilogue in (NONE, "add") else epilogue.removeprefix("add_")


def epilogue_of(*, adds: bool, activation: str) -> str:
    """Return an epilogue's name; `activation` is empty where there is none."""
    return "_".join((*(("add",) if adds else ()), *filter(None, (activation,)))) or NONE
