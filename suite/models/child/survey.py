"""The process that runs a model once as it is to be measured, and tells what there is to see."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from suite.errors import UsageError
from suite.messages.models import Surveyed, SurveyModel
from suite.models.calling import Calling, as_trained, calling
from suite.models.hints import hint, hint_about_inputs, own_dtype
from suite.models.loading import failure_of, fresh_model, refuse_network
from suite.network.outputs import rel_l2_error
from suite.network.refusing import SAME
from suite.network.twin import twin_of
from suite.operands.tensors import DTYPES
from suite.processes.channel import handlers, serve
from suite.workload import Network, Sketch

SUMS = 16
"""Of a sketch: the size of a difference is known to a third by so many."""


def main(connection: Connection) -> None:
    """Serve one request; runs in its own process."""
    serve(connection, handlers(SurveyModel.handled_by(answer)))


def answer(asked: SurveyModel) -> Surveyed:
    """Return what there is to measure, or a sentence that says where and why there is nothing."""
    refuse_network()
    os.environ["TORCHDYNAMO_DISABLE"] = "1"
    torch.set_grad_enabled(False)
    stage, model = f"{asked.name} cannot be built", None
    is_running = False
    network = Network(
        module=asked.module,
        name=asked.name,
        folder=asked.folder,
        tree=asked.tree,
        inputs=asked.inputs,
        dtype=asked.dtype,
        train=asked.train,
        outputs=(),
        direct_flops=0,
        parameter_bytes=0,
        convolutions=0,
    )
    try:
        model = fresh_model(network)
        again = fresh_model(network)
        _require_same_weights(asked, model, again)
        dtype = own_dtype(model)
        stage = f"the model raised with {' '.join(f'{asked.asked_by} {i}' for i in asked.inputs)}"
        named = tuple(_with_dtype(entry, dtype) for entry in asked.inputs)
        network = dataclasses.replace(network, inputs=named)
        is_running = True
        network = _run(network, model, dtype)
    except UsageError as error:
        return _failed(str(error))
    except BaseException as error:  # it may even call sys.exit
        advice = hint(asked.module, error)
        if is_running and model is not None:
            advice = advice or hint_about_inputs(error, model, asked.asked_by)
        return _failed(failure_of(asked.module, stage, error, advice))
    names = {value: name for name, value in DTYPES.items()}
    return Surveyed(network=network, dtype=names[dtype], failure=None)


def _failed(failure: str) -> Surveyed:
    return Surveyed(network=None, dtype="", failure=failure)


def _with_dtype(entry: Any, own: torch.dtype) -> Any:
    return dataclasses.replace(entry, dtype=entry.dtype or str(own).removeprefix("torch."))


def _require_same_weights(asked: SurveyModel, model: nn.Module, again: nn.Module) -> None:
    theirs = dict(again.named_parameters())
    for name, parameter in model.named_parameters():
        if name not in theirs or not torch.equal(parameter, theirs[name]):
            raise UsageError(
                f"{asked.module}:{asked.name}: builds other weights every time ({name}), and every "
                "process builds its own; draw them with torch's own random numbers, which are "
                "seeded before it is called, or load them from a file"
            )


def _run(network: Network, model: nn.Module, dtype: torch.dtype) -> Network:
    """Return the network with what a call showed.

    Raises:
        UsageError: it cannot be measured so.
    """
    where = f"{network.module}:{network.name}"
    if dtype not in DTYPES.values():
        raise UsageError(f"{where}: computes in {dtype}; accepted: {', '.join(DTYPES)}")
    if not network.varying:
        raise UsageError(
            f"{where}: no input is floating-point, so that every call would be the same one; "
            "wrap the part that takes numbers: def build(): ..."
        )
    if network.train:
        as_trained(model)
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise UsageError(f"{where}: has no parameter, so that there is nothing to train")
    row = torch.randn(
        network.input_elements, dtype=torch.float32, generator=torch.Generator().manual_seed(0)
    ).to(dtype)
    convolutions = _Convolutions()
    called = calling(model, network, dtype)
    with convolutions, FlopCounterMode(display=False) as flops:
        first = _parts(called, row)
    if not any(part.numel() for part in first):
        raise UsageError(
            f"{where}: returns no floating-point tensor, so that nothing shows whether a way to "
            "compute it is right"
        )
    again = _parts(called, row)
    if rel_l2_error(again, first) > SAME:
        mode = "in training mode" if network.train else "in evaluation mode"
        raise UsageError(
            f"{where}: two calls with the same inputs differ {mode} (dropout called by function, "
            "or noise drawn in forward): no output could be held against what is right"
        )
    return dataclasses.replace(
        network,
        sketch=_sketch_of(model, network, dtype),
        outputs=tuple(part.numel() for part in first),
        direct_flops=flops.get_total_flops(),
        parameter_bytes=sum(p.numel() * p.element_size() for p in model.parameters()),
        convolutions=convolutions.count,
    )


def _sketch_of(model: nn.Module, network: Network, dtype: torch.dtype) -> Sketch:
    """Return a sketch of what the model returns in float64, or in its own type if it has to be."""
    row = torch.randn(
        network.input_elements, dtype=torch.float64, generator=torch.Generator().manual_seed(2)
    )
    for of in (torch.float64, dtype):
        twin = twin_of(model).to(of)
        if network.train:
            as_trained(twin)
        try:
            parts = _parts(calling(twin, network, dtype), row.to(of))
        except Exception:  # a type that is written into its code
            continue
        joined = torch.cat([part.double().reshape(-1) for part in parts]).nan_to_num(0, 0, 0)
        return Sketch(dtype=str(of).removeprefix("torch."), sums=tuple(_sums(joined)))
    raise AssertionError("it has run in its own type")


def _sums(values: torch.Tensor) -> list[float]:
    """Return sums of values with signs of their own, always the same ones: every so many-th."""
    generator = torch.Generator().manual_seed(3)
    signs = torch.randint(0, 2, values.shape, generator=generator).to(values.dtype).mul_(2).sub_(1)
    signed = values * signs
    return [float(signed[first::SUMS].sum()) for first in range(SUMS)]


def _parts(called: Calling, row: torch.Tensor) -> list[torch.Tensor]:
    return [part.detach().clone() for part in called.parts(called.call(row))]


class _Convolutions(TorchDispatchMode):
    """Counts the 2-D convolutions that a pass forward executes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is torch.ops.aten.convolution.default:
            self.count += args[1].dim() == 4 and not args[6]
        return func(*args, **(kwargs or {}))
