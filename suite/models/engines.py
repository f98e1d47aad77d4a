"""Inference engines with a whole model, exported once: ONNX Runtime and OpenVINO.

Each gets torch's number of threads. Where an engine would compute in 16 bits by itself, it is told
not to. None keeps its threads spinning after its turn where it can be told.
"""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from suite.errors import Unsupported
from suite.models.subject import Subject


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
    ov: Any = importlib.import_module("openvino")

    words, keywords = subject.arguments()
    if keywords:
        raise Unsupported("takes positional arguments only")
    converted = ov.convert_model(
        subject.model,
        example_input=tuple(words),
        input=[tuple(word.shape) for word in _flat(words)],
    )
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
    }
    compiled = ov.Core().compile_model(converted, "CPU", settings)
    request = compiled.create_infer_request()

    def run(*given: torch.Tensor) -> list[torch.Tensor]:
        for number, tensor in enumerate(_flat(given)):
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


def _exported(subject: Subject, folder: Path) -> Path:
    """Return the file of a model as ONNX.

    Raises:
        Unsupported: torch cannot export it; with its own first line.
    """
    words, keywords = subject.arguments()
    path = folder / "model.onnx"
    try:
        torch.onnx.export(
            subject.model,
            tuple(words),
            str(path),
            kwargs=keywords or None,
            dynamo=True,
            verbose=False,
            external_data=True,
        )
    except Exception as error:
        line = next(iter(str(error).strip().splitlines()), "")
        raise Unsupported(f"cannot be exported to ONNX: {type(error).__name__}: {line}") from error
    return path


def _flat(arguments: Any) -> list[torch.Tensor]:
    """Return the tensors in arguments, in the order in which an exported graph takes them."""
    leaves = torch.utils._pytree.tree_leaves(arguments)
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
