"""Inference engines with a whole model, exported once: ONNX Runtime and OpenVINO.

Each gets torch's number of threads. Where an engine would compute in 16 bits by itself, it is told
not to. None keeps its threads spinning after its turn where it can be told.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from suite.errors import Unsupported
from suite.models.subject import Subject

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def _require(subject: Subject, *packages: str) -> None:
    if subject.network.train:
        raise Unsupported("computes no gradients")
    if subject.dtype is not torch.float32:
        raise Unsupported("computes float32 only")
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise Unsupported(f"{' and '.join(missing)} not installed: pip install {' '.join(missing)}")


def onnxruntime(subject: Subject) -> tuple[Callable[..., Any], str]:
    """Return a model in ONNX Runtime, at its highest level of optimisation."""
    _require(subject, "onnxruntime", "onnx", "onnxscript")
    ort: Any = importlib.import_module("onnxruntime")

    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with tempfile.TemporaryDirectory() as folder:
        path = _exported(subject, Path(folder))
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def run(*words: torch.Tensor, **keywords: torch.Tensor) -> list[torch.Tensor]:
        given = [*_flat(words), *_flat(tuple(keywords.values()))]
        feeds = {
            name: tensor.contiguous().numpy() for name, tensor in zip(names, given, strict=True)
        }
        return [torch.from_numpy(output) for output in session.run(None, feeds)]

    return run, ""


def openvino(subject: Subject) -> tuple[Callable[..., Any], str]:
    """Return a model in OpenVINO's CPU plug-in, pinned to float32."""
    _require(subject, "openvino")
    keep_openvino_quiet()
    ov: Any = importlib.import_module("openvino")

    words, keywords = subject.arguments()
    with _explained("OpenVINO"):
        program = torch.export.export(subject.model, tuple(words), keywords, strict=False)
        converted = ov.convert_model(program)
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
    }
    compiled = ov.Core().compile_model(converted, "CPU", settings)
    request = compiled.create_infer_request()

    def run(*words: torch.Tensor, **keywords: torch.Tensor) -> list[torch.Tensor]:
        given = [*_flat(words), *_flat(tuple(keywords.values()))]
        for number, tensor in enumerate(given):
            request.set_input_tensor(
                number, ov.Tensor(tensor.contiguous().numpy(), shared_memory=True)
            )
        request.infer()
        # Its outputs are overwritten by the next call.
        return [
            torch.from_numpy(request.get_output_tensor(number).data.copy())
            for number in range(len(compiled.outputs))
        ]

    return run, ""


def keep_openvino_quiet() -> None:
    """Have OpenVINO do without its telemetry, which reports each import and each conversion.

    A process of its own does so, which computes beside the calls that are timed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def _exported(subject: Subject, folder: Path) -> Path:
    """Return the file of a model as ONNX.

    Raises:
        Unsupported: torch cannot export it.
    """
    words, keywords = subject.arguments()
    path = folder / "model.onnx"
    with _explained("ONNX"):
        torch.onnx.export(
            subject.model,
            tuple(words),
            str(path),
            kwargs=keywords or None,
            dynamo=True,
            verbose=False,
            external_data=True,
        )
    return path


@contextlib.contextmanager
def _explained(engine: str) -> Iterator[None]:
    """Export a model; what torch and the engine warn of while they do is about their own code.

    Raises:
        Unsupported: it cannot be exported; with the innermost reason.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except Exception as error:
            innermost: BaseException = error
            while innermost.__cause__ is not None:
                innermost = innermost.__cause__
            line = next(iter(str(innermost).strip().splitlines()), "")
            reason = f"{type(innermost).__name__}: {_COLOURS.sub('', line)}"
            raise Unsupported(f"cannot be exported for {engine}: {reason}") from error


def _flat(arguments: Any) -> list[torch.Tensor]:
    """Return the tensors in arguments, in the order in which an exported graph takes them."""
    leaves = torch.utils._pytree.tree_leaves(arguments)
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
