"""What a user whose model was not captured can do about it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import torch


class NetworkRefused(OSError):
    """The model reached for the network."""


def own_dtype(model: Callable[..., Any]) -> torch.dtype:
    """Return the dtype in which a model computes: that of its first parameter."""
    tensors = (*model.parameters(), *model.buffers()) if isinstance(model, torch.nn.Module) else ()
    dtypes = (tensor.dtype for tensor in tensors)
    return next((d for d in dtypes if d.is_floating_point or d.is_complex), torch.float32)


def hint(module: str, error: BaseException) -> str:
    """Return how a model may be named or built so that it loads; empty where that is no help."""
    text = str(error)
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, NetworkRefused):
            return (
                "; give weights as a file on this machine, or build it without pretrained ones: "
                "their values do not matter here"
            )
        chain = chain.__cause__ or chain.__context__
    if isinstance(error, ImportError) and "no known parent package" in text:
        return "; name it as package.module:Callable, from the folder above the package"
    if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]:
        return "; run from the folder that holds it, install it, or give the path of a .py file"
    if isinstance(error, ModuleNotFoundError):
        return "; install what the model needs into this environment"
    return ""


def hint_about_inputs(error: BaseException, model: Callable[..., Any], asked_by: str) -> str:
    """Return how else a model that raised may be called; empty where that is no help.

    Args:
        asked_by: what the inputs were given by.
    """
    text = str(error)
    if "not implemented for" in text:
        return (
            "; torch has no such operator for this type on a CPU: capture the model in float32, "
            "and set the scenarios' dtype in the file"
        )
    if re.search(r"dtype|scalar type|should be the same|same type", text):
        name = str(own_dtype(model)).removeprefix("torch.")
        return (
            f"; the model is {name}: leave the inputs' types out, or convert model and inputs. An "
            "exported model has its types in its graph: convert it before the export"
        )
    if isinstance(error, TypeError | KeyError | IndexError | AttributeError | ValueError):
        return (
            f"; it takes {_signature(model)}. Name a keyword argument ({asked_by} mask=1x77) or a "
            f"dict's entry ({asked_by} [image]=1x3x8x8), or wrap it: def build(): model = …; "
            "return lambda x: model(…)"
        )
    return ""


def _signature(model: Callable[..., Any]) -> str:
    function = model.forward if isinstance(model, torch.nn.Module) else model
    try:
        return str(inspect.signature(function))
    except (TypeError, ValueError):
        return "what its documentation says"
