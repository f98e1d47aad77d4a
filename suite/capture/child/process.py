"""The process that loads a model and runs it once: other people's code, without a network."""

from __future__ import annotations

import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from suite.capture.child.keeping import keeper_in
from suite.capture.child.recorder import Recorder
from suite.errors import UsageError
from suite.messages.capture import Capture, Executions
from suite.models.hints import hint, hint_about_inputs, own_dtype
from suite.models.loading import (
    arguments,
    as_measured,
    failure_of,
    find,
    model_of,
    refuse_network,
)
from suite.processes.channel import handlers, serve


def main(connection: Connection) -> None:
    """Serve one request; runs in its own process."""
    serve(connection, handlers(Capture.handled_by(answer)))


def answer(asked: Capture) -> Executions:
    """Return what a model executes, or a sentence that says where and why it does not."""
    module, name = asked.module, asked.name
    refuse_network()
    os.environ["TORCHDYNAMO_DISABLE"] = "1"  # compiled graphs would hide what they execute
    os.chdir(asked.folder)
    stage = "does not import"
    model: Callable[..., Any] | None = None
    is_running = False
    try:
        loaded = find(module, name)
        stage = f"{name} raised"
        model = model_of(loaded, name, asked.inputs)
        if isinstance(model, torch.nn.Module):
            stage = f"it cannot be made {asked.dtype}"
            model = as_measured(model, asked.dtype)
        torch.manual_seed(0)
        recorder = Recorder(model, keeper_in(asked.store_in))
        stage = f"the model raised with {' '.join(f'{asked.asked_by} {i}' for i in asked.inputs)}"
        with torch.inference_mode():
            words, keywords = arguments(asked.inputs, own_dtype(model))
            is_running = True
            with recorder:
                model(*words, **keywords)
    except UsageError as error:
        return _failed(str(error))
    except BaseException as error:  # it may even call sys.exit
        advice = hint(module, error)
        if is_running and model is not None:
            advice = advice or hint_about_inputs(error, model, asked.asked_by)
        return _failed(failure_of(module, stage, error, advice))
    return Executions(
        convolutions=tuple(recorder.convolutions), others=dict(recorder.others), failure=None
    )


def _failed(failure: str) -> Executions:
    return Executions(convolutions=(), others={}, failure=failure)
