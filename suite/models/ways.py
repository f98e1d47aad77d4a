"""The ways to compute a user's model: each makes one callable of it, in a process of its own.

Nothing here measures. What is made once (packing, compiling, loading an engine) is made before the
first call; whatever a way does in each call, conversions of layout included, is in its time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from suite.conditions import Scenario
from suite.errors import Unsupported, UsageError
from suite.models import chosen, compiled, engines
from suite.models.calling import Calling, calling
from suite.models.subject import Subject
from suite.modules.sizes import pack_bytes
from suite.network.bench import apply
from suite.network.folding.folding import fold
from suite.network.survey import survey
from suite.network.twin import in_format
from suite.registry import Source, load
from suite.tuning.candidates import load_row
from suite.tuning.plan import Plan, fingerprint_here
from suite.tuning.store import Conditions, Row

OF_MODULES = ("eager", "channels_last", "optimize", "optimize_fold", "row")
"""Ways in which the model's own modules compute, some of them otherwise than before."""


@dataclass(frozen=True)
class Made:
    """A model, ready to be called."""

    calling: Calling
    prepare_s: float
    """Seconds that it took to make, the model itself being there."""
    pack_bytes: int | None = None
    """Memory beyond the model's own parameters, as far as it is known."""
    note: str = ""
    model: nn.Module | None = field(default=None, repr=False)
    """Where modules compute it, whose times can be told apart."""


def make(subject: Subject) -> Made:
    """Return a model as one way computes it.

    Raises:
        Unsupported: this way cannot compute this model; the text says why.
    """
    began = time.perf_counter()
    network, dtype, way = subject.network, subject.dtype, subject.source.way
    function, note = _WAYS[way](subject)
    called = calling(function, network, dtype)
    packs = None
    if way in OF_MODULES:
        once = dataclasses.replace(network, train=False)
        with torch.no_grad():  # packs, and finds out what raises; a step would write gradients
            calling(function, once, dtype).call(torch.zeros(network.input_elements, dtype=dtype))
        assert isinstance(function, nn.Module)
        packs = None if way in ("eager", "channels_last") else pack_bytes(function)
    return Made(
        called,
        time.perf_counter() - began,
        packs,
        note,
        function if way in OF_MODULES and isinstance(function, nn.Module) else None,
    )


Way = Callable[[Subject], tuple[Callable[..., Any], str]]


def _eager(subject: Subject) -> tuple[Callable[..., Any], str]:
    return subject.model, ""


def _channels_last(subject: Subject) -> tuple[Callable[..., Any], str]:
    return in_format(subject.modules, "channels_last"), ""


def _optimised(subject: Subject) -> tuple[Callable[..., Any], str]:
    """Return the model with what `optimize` chose, which was measured before this run's blocks."""
    what = chosen.read(Path(dict(subject.source.settled)[torch.get_num_threads()]))
    model = subject.model
    if what.outcome.is_folded:
        words, _ = subject.arguments()
        model = fold(model, tuple(words)).model
    if what.memory_format is not None:
        in_format(model, what.memory_format)
    apply(model, what.configuration)
    return model, what.sentence


def _by_row(subject: Subject) -> tuple[Callable[..., Any], str]:
    """Return the model with one row wherever that covers a layer; torch computes the rest."""
    words, keywords = subject.arguments()
    source, model = subject.source, subject.modules
    if keywords:
        raise Unsupported("rows are put in place of layers where all arguments are positional")
    there = survey(model, tuple(words))
    row = Row(source.row, source.row_source)
    with contextlib.suppress(UsageError):  # that it is not there shows in the next line
        load(Source(source.row_source, source.tree))
    entry = load_row(row)
    if entry is None:
        raise Unsupported(f"{source.row} does not load")
    threads = torch.get_num_threads()
    configuration: dict[str, tuple[Plan, ...]] = {}
    for layer in there.open_layers:
        plans = []
        for call in layer.calls:
            scenario = Scenario(id=layer.path, problem=call.problem, dtype=call.dtype)
            if entry.why_unsupported(scenario) is None:
                conditions = Conditions(call.dtype, call.memory_format, threads)
                plans.append(
                    Plan(
                        call.problem.as_called(),
                        conditions,
                        row,
                        fingerprint_here(torch.__version__),
                    )
                )
        if plans:
            configuration[layer.path] = tuple(plans)
    if not configuration:
        raise Unsupported(f"covers none of its {len(there.layers)} convolutions")
    apply(model, configuration)
    rest = len(there.layers) - len(configuration)
    return model, f"in {len(configuration)} of {len(there.layers)} convolutions" + (
        ", torch's own in the others" if rest else ""
    )


_WAYS: dict[str, Way] = {
    "eager": _eager,
    "channels_last": _channels_last,
    "optimize": _optimised,
    "optimize_fold": _optimised,
    "row": _by_row,
    "compile": compiled.usual,
    "compile_frozen": compiled.frozen,
    "onnxruntime": engines.onnxruntime,
    "openvino": engines.openvino,
}
