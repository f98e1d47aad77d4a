"""The process that loads a model and runs it once: other people's code, without a network."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from suite import own_imports
from suite.capture.child.hints import NetworkRefused, hint, hint_about_inputs, own_dtype
from suite.capture.child.recorder import Recorder
from suite.errors import UsageError, did_you_mean
from suite.messages.capture import Capture, Executions, Input
from suite.processes.channel import handlers, serve
from suite.processes.import_file import import_file

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_LOCAL_HOSTS = (None, "", "localhost", "127.0.0.1", "::1", b"localhost", b"127.0.0.1", b"::1")


def main(connection: Connection) -> None:
    """Serve one request; runs in its own process."""
    serve(connection, handlers(Capture.handled_by(answer)))


def answer(asked: Capture) -> Executions:
    """Return what a model executes, or a sentence that says where and why it does not."""
    module, name = asked.module, asked.name
    _refuse_network()
    os.environ["TORCHDYNAMO_DISABLE"] = "1"  # compiled graphs would hide what they execute
    os.chdir(asked.folder)
    stage = "does not import"
    model: Callable[..., Any] | None = None
    is_running = False
    try:
        loaded = _find(module, name)
        stage = f"{name} raised"
        model = _model(loaded, name, asked.inputs)
        if isinstance(model, torch.nn.Module):
            stage = f"it cannot be made {asked.dtype}"
            model = _as_measured(model, asked.dtype)
        torch.manual_seed(0)
        recorder = Recorder(model)
        stage = f"the model raised with {' '.join(f'{asked.asked_by} {i}' for i in asked.inputs)}"
        with torch.inference_mode():
            words, keywords = _arguments(asked.inputs, own_dtype(model))
            is_running = True
            with recorder:
                model(*words, **keywords)
    except UsageError as error:
        return _failed(str(error))
    except BaseException as error:  # it may even call sys.exit
        advice = hint(module, error)
        if is_running and model is not None:
            advice = advice or hint_about_inputs(error, model, asked.asked_by)
        return _failed(_failure(module, stage, error, advice))
    return Executions(
        convolutions=tuple(recorder.convolutions), others=dict(recorder.others), failure=None
    )


def _failed(failure: str) -> Executions:
    return Executions(convolutions=(), others={}, failure=failure)


def _refuse_network() -> None:
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))

    def watch(event: str, details: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            address = details[1]
            is_local = not isinstance(address, tuple) or address[0] in _LOCAL_HOSTS
        elif event == "socket.getaddrinfo":
            is_local = details[0] in _LOCAL_HOSTS
        else:
            return
        if not is_local:
            raise NetworkRefused("a model that is captured gets no network")

    sys.addaudithook(watch)


def _find(module: str, name: str) -> Any:
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


def _model(loaded: Any, name: str, inputs: Sequence[Input]) -> Callable[..., Any]:
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
    words, keywords = _grouped(inputs)
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


def _as_measured(model: torch.nn.Module, dtype: str | None) -> torch.nn.Module:
    """Return the model in evaluation mode and in the dtype asked for."""
    # An exported graph has its mode in its operators, and says that it cannot change it.
    with contextlib.suppress(NotImplementedError):
        model = model.eval()
    return model if dtype is None else model.to(getattr(torch, dtype))


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _grouped(inputs: Sequence[Input]) -> tuple[list[Any], dict[str, Any]]:
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


def _arguments(inputs: Sequence[Input], own: torch.dtype) -> tuple[list[Any], dict[str, Any]]:
    """Return what the model is called with, in its own dtype where an input has none."""

    def filled(argument: Input | dict[str, Input]) -> Any:
        if isinstance(argument, Input):
            return _tensor(argument, own)
        return {key: _tensor(entry, own) for key, entry in argument.items()}

    words, keywords = _grouped(inputs)
    return [filled(word) for word in words], {name: filled(w) for name, w in keywords.items()}


def _tensor(entry: Input, own: torch.dtype) -> torch.Tensor:
    """Return normal values, or zeros in an integer dtype: valid as an index of anything."""
    dtype = own if entry.dtype is None else getattr(torch, entry.dtype)
    if dtype.is_complex:
        return torch.randn(*entry.shape, dtype=dtype)
    if not dtype.is_floating_point:
        return torch.zeros(*entry.shape, dtype=dtype)
    return torch.randn(*entry.shape).to(dtype)


def _failure(module: str, stage: str, error: BaseException, hint: str) -> str:
    """Return "model.py:12: build raised ValueError: …" for the deepest line that is not torch's."""
    where = module
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{error.filename}:{error.lineno}"
    skipped = (str(Path(torch.__file__).parent), str(Path(__file__).parents[2]), "<frozen")
    for frame in traceback.extract_tb(error.__traceback__):
        if not frame.filename.startswith(skipped) and frame.filename != importlib.__file__:
            where = f"{frame.filename}:{frame.lineno}"
    text = " ".join(str(error).split())
    sentence = f"{where}: {stage}: {type(error).__name__}{f': {text}' if text else ''}"
    return f"{sentence}{hint}"
