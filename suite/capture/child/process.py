"""The process that loads a model and runs it once: other people's code, without a network."""

from __future__ import annotations

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
from suite.capture.child.recorder import Recorder
from suite.errors import UsageError, did_you_mean
from suite.messages.capture import Capture, Executions
from suite.processes.channel import handlers, serve
from suite.processes.import_file import import_file

_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_LOCAL_HOSTS = (None, "", "localhost", "127.0.0.1", "::1", b"localhost", b"127.0.0.1", b"::1")


class NetworkRefused(OSError):
    """The model reached for the network."""


def main(connection: Connection) -> None:
    """Serve one request; runs in its own process."""
    serve(connection, handlers(Capture.handled_by(answer)))


def answer(asked: Capture) -> Executions:
    """Return what a model executes, or a sentence that says where and why it does not."""
    module, name, inputs = asked.module, asked.name, asked.inputs
    _refuse_network()
    os.environ["TORCHDYNAMO_DISABLE"] = "1"  # compiled graphs would hide what they execute
    os.chdir(asked.folder)
    stage = "does not import"
    try:
        loaded = _find(module, name)
        stage = f"{name} raised"
        model = _model(loaded, name, len(inputs))
        if isinstance(model, torch.nn.Module):
            model = model.eval()
            if asked.dtype is not None:
                model = model.to(getattr(torch, asked.dtype))
        torch.manual_seed(0)
        recorder = Recorder(model)
        shapes = ", ".join("x".join(map(str, entry.shape)) for entry in inputs)
        stage = f"the model raised with {asked.asked_by} {shapes}"
        with torch.inference_mode():
            tensors = [_tensor(entry.shape, entry.dtype) for entry in inputs]
            with recorder:
                model(*tensors)
    except UsageError as error:
        return _failed(str(error))
    except BaseException as error:  # it may even call sys.exit
        return _failed(_failure(module, stage, error))
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


def _model(loaded: Any, name: str, inputs: int) -> Callable[..., Any]:
    """Return the model: what was loaded, what it builds, or a function that takes the inputs.

    Raises:
        UsageError: none of these.
    """
    if isinstance(loaded, torch.nn.Module):
        return loaded
    if not callable(loaded):
        raise UsageError(f"{name}: is {_kind(loaded)}; name a module, a class or a function")
    if _takes(loaded, 0):
        model = loaded()
        if not callable(model):
            raise UsageError(
                f"{name}(): returned {_kind(model)}; it has to return the model, a module or a "
                "function that takes the inputs"
            )
        return model  # type: ignore[no-any-return]
    if not inspect.isclass(loaded) and _takes(loaded, inputs):
        return loaded  # type: ignore[no-any-return]
    raise UsageError(
        f"{name}{inspect.signature(loaded)}: takes neither no arguments, to build the model, nor "
        f"{inputs} inputs, to be it; name a function without arguments that builds it"
    )


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # some built-ins have no signature
        return count > 0
    return True


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _tensor(shape: Sequence[int], dtype: str) -> torch.Tensor:
    """Return normal values, or zeros in an integer dtype: valid as an index of anything."""
    kind = getattr(torch, dtype)
    if not kind.is_floating_point:
        return torch.zeros(*shape, dtype=kind)
    return torch.randn(*shape).to(kind)


def _failure(module: str, stage: str, error: BaseException) -> str:
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
    return f"{sentence}{_hint(module, error)}"


def _hint(module: str, error: BaseException) -> str:
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
