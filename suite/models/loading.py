"""Loading a user's model from where it is named, and making what it is called with."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from suite import own_imports
from suite.errors import UsageError, did_you_mean
from suite.models.hints import NetworkRefused
from suite.processes.import_file import import_file
from suite.registry import sources
from suite.workload import Input, Network

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_LOCAL_HOSTS = (None, "", "localhost", "127.0.0.1", "::1", b"localhost", b"127.0.0.1", b"::1")


def stay_offline() -> None:
    """Tell libraries that fetch weights to take what is on this machine."""
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))


def refuse_network() -> None:
    """Let nothing in this process reach another machine."""
    stay_offline()

    def watch(event: str, details: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            address = details[1]
            is_local = not isinstance(address, tuple) or address[0] in _LOCAL_HOSTS
        elif event == "socket.getaddrinfo":
            is_local = details[0] in _LOCAL_HOSTS
        else:
            return
        if not is_local:
            raise NetworkRefused("a model that is captured gets no network here")

    sys.addaudithook(watch)


def find(module: str, name: str) -> Any:
    """Import the module and return what is called `name` in it.

    Raises:
        UsageError: it has nothing of that name.
    """
    if module.endswith(".py"):
        loaded: Any = import_file(Path(module), "convgauge_model")
    else:
        sys.path.insert(0, str(Path.cwd()))
        own_imports.serve_users(str(Path.cwd()))
        loaded = importlib.import_module(module)
    for part in name.split("."):
        if not hasattr(loaded, part):
            offered = [word for word in vars(loaded) if not word.startswith("_")]
            raise UsageError(
                f'{module}: has no "{part}".{did_you_mean(part, offered)} '
                "Name a module, a class or a function in it"
            )
        loaded = getattr(loaded, part)
    return loaded


def model_of(loaded: Any, name: str, inputs: Sequence[Input]) -> Callable[..., Any]:
    """Return the model: what was loaded, what it builds, or a function that takes the inputs.

    Raises:
        UsageError: none of these.
    """
    if isinstance(loaded, torch.nn.Module):
        return loaded
    if isinstance(loaded, torch.export.ExportedProgram):
        return loaded.module()
    if not callable(loaded):
        raise UsageError(f"{name}: is {_kind(loaded)}; name a module, a class or a function")
    if _takes(loaded):
        model = loaded()
        if isinstance(model, torch.export.ExportedProgram):
            return model.module()
        if not callable(model):
            raise UsageError(
                f"{name}(): returned {_kind(model)}; it has to return the model, a module or a "
                "function that takes the inputs"
            )
        return model  # type: ignore[no-any-return]
    words, keywords = grouped(inputs)
    if not inspect.isclass(loaded) and _takes(loaded, *words, **keywords):
        return loaded  # type: ignore[no-any-return]
    raise UsageError(
        f"{name}{inspect.signature(loaded)}: takes neither no arguments, to build the model, nor "
        f"{len(words) + len(keywords)} inputs, to be it; name a function without arguments that "
        "builds it"
    )


def _takes(function: Callable[..., Any], *words: Any, **keywords: Any) -> bool:
    try:
        inspect.signature(function).bind(*words, **keywords)
    except TypeError:
        return False
    except ValueError:  # some built-ins have no signature
        return bool(words or keywords)
    return True


def as_measured(model: torch.nn.Module, dtype: str | None) -> torch.nn.Module:
    """Return the model in evaluation mode and in the dtype asked for."""
    # An exported graph has its mode in its operators, and says that it cannot change it.
    with contextlib.suppress(NotImplementedError):
        model = model.eval()
    return model if dtype is None else model.to(getattr(torch, dtype))


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def fresh_model(network: Network) -> torch.nn.Module:
    """Load and build a network's model anew: the same weights in every process that does.

    The current folder becomes the one that dotted names are found from.

    Raises:
        UsageError: it is no module; whatever the user's code raises comes through.
    """
    stay_offline()
    os.chdir(network.folder)
    if network.tree is not None:
        sources.search_first(Path(network.tree))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        loaded = find(network.module, network.name)
        torch.manual_seed(0)
        model = model_of(loaded, network.name, network.inputs)
    if not isinstance(model, torch.nn.Module):
        model = Function(model)
    return as_measured(model, network.dtype)


class Function(torch.nn.Module):
    """A function that is a model, as a module; those that it is made of are its submodules."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        for name, module in modules_in(function).items():
            self.add_module(f"of_{name}" if name else "model", module)

    def forward(self, *words: Any, **keywords: Any) -> Any:
        return self.function(*words, **keywords)


def modules_in(model: Callable[..., Any]) -> dict[str, torch.nn.Module]:
    """Return name and module of what a model is made of: of a module itself, by the empty name.

    Of a function they are those that it closes over, that it is a method of or a partial call of:
    "def build(): net = Net(); return lambda x: net(x, mask)". One alone needs no name.
    """
    if isinstance(model, torch.nn.Module):
        return {"": model}
    found: dict[str, torch.nn.Module] = {}
    if isinstance(model, functools.partial):
        found |= modules_in(model.func)
        held = {f"{at}": value for at, value in enumerate(model.args)} | model.keywords
    else:
        held = {"": getattr(model, "__self__", None), **_closed_over(model)}
    found |= {name: value for name, value in held.items() if isinstance(value, torch.nn.Module)}
    return {"": next(iter(found.values()))} if len(found) == 1 else found


def _closed_over(function: Callable[..., Any]) -> dict[str, Any]:
    code = getattr(function, "__code__", None)
    cells = getattr(function, "__closure__", None) or ()
    values = {}
    for name, cell in zip(code.co_freevars if code else (), cells, strict=True):
        with contextlib.suppress(ValueError):  # a name that has no value yet
            values[name] = cell.cell_contents
    return values


def grouped(inputs: Sequence[Input]) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and the keyword arguments, dicts of inputs where they have keys."""
    words: list[Any] = []
    keywords: dict[str, Any] = {}
    unnamed: dict[str, Input] | None = None
    for entry in inputs:
        if entry.keyword is not None and entry.key is not None:
            keywords.setdefault(entry.keyword, {})[entry.key] = entry
        elif entry.keyword is not None:
            keywords[entry.keyword] = entry
        elif entry.key is not None:
            if unnamed is None:
                words.append(unnamed := {})
            unnamed[entry.key] = entry
        else:
            words.append(entry)
    return words, keywords


def arguments(inputs: Sequence[Input], own: torch.dtype) -> tuple[list[Any], dict[str, Any]]:
    """Return what the model is called with, in its own dtype where an input has none."""

    def filled(argument: Input | dict[str, Input]) -> Any:
        if isinstance(argument, Input):
            return _tensor(argument, own)
        return {key: _tensor(entry, own) for key, entry in argument.items()}

    words, keywords = grouped(inputs)
    return [filled(word) for word in words], {name: filled(w) for name, w in keywords.items()}


def _tensor(entry: Input, own: torch.dtype) -> torch.Tensor:
    """Return normal values, or zeros in an integer dtype: valid as an index of anything."""
    dtype = own if entry.dtype is None else getattr(torch, entry.dtype)
    if dtype.is_complex:
        return torch.randn(*entry.shape, dtype=dtype)
    if not dtype.is_floating_point:
        return torch.zeros(*entry.shape, dtype=dtype)
    return torch.randn(*entry.shape).to(dtype)


def failure_of(module: str, stage: str, error: BaseException, hint: str) -> str:
    """Return "model.py:12: build raised ValueError: …" for the deepest line that is not torch's."""
    where = module
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{error.filename}:{error.lineno}"
    skipped = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<frozen")
    for frame in traceback.extract_tb(error.__traceback__):
        if not frame.filename.startswith(skipped) and frame.filename != importlib.__file__:
            where = f"{frame.filename}:{frame.lineno}"
    text = " ".join(str(error).split())
    sentence = f"{where}: {stage}: {type(error).__name__}{f': {text}' if text else ''}"
    return f"{sentence}{hint}"
