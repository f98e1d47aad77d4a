"""cuDNN's own alternatives, one row each: its ranked plans, its algorithms, and workspace limits.

Through the optional package nvidia-cudnn-frontend, which lists every engine configuration that
cuDNN offers for a problem; torch only ever shows the one it took. A row without a plan for a
problem is unsupported there, with the reason: that too says what the card still has.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from typing import Any

import torch

from impls._arguments import add_bias
from impls._packing import Packing
from suite import Problem, Unsupported, register

RANKED = 48
"""Plans in the heuristic's order that have a row each; cuDNN 9.24 ranks up to 43 on an H100."""
NOTES = ("WINOGRAD", "FFT", "TENSOR_CORE")
"""Numeric notes by which cuDNN marks its algorithms; a row each, the best plan that has it."""
LIMITS_MIB = (0, 8, 64, 512)
_TYPES = {
    torch.float32: "FLOAT",
    torch.float64: "DOUBLE",
    torch.float16: "HALF",
    torch.bfloat16: "BFLOAT16",
}


# Each of some sixty rows is asked for each problem, and looking for a module takes a millisecond.
@functools.cache
def _why_not_here() -> str | None:
    if importlib.util.find_spec("cudnn") is None:
        return "needs cuDNN's front end: pip install nvidia-cudnn-frontend, or the extra cudnn"
    if not torch.cuda.is_available():
        return "needs an NVIDIA GPU and a torch built for CUDA"
    return None


def _front_end() -> Any:
    return importlib.import_module("cudnn")


def _strides(shape: tuple[int, ...], memory_format: torch.memory_format) -> tuple[int, ...]:
    return torch.empty(shape, device="meta", memory_format=memory_format).stride()


class Plan:
    """One of cuDNN's plans for a problem, in the memory format of `weight`.

    Args:
        cudnn: the front end's module.
        rank: which of the plans that are left, from the heuristic's first.
        note: only plans that have this numeric note; of engines, too, that the heuristic leaves
            out.
        most_workspace_bytes: only plans that need no more.

    Raises:
        Unsupported: cuDNN offers no such plan.
    """

    def __init__(
        self,
        cudnn: Any,
        weight: torch.Tensor,
        problem: Problem,
        *,
        rank: int = 0,
        note: str | None = None,
        most_workspace_bytes: int | None = None,
    ) -> None:
        # By strides: a 1×1 weight is contiguous in both formats.
        last = weight.stride() == _strides(weight.shape, torch.channels_last)
        self.format = torch.channels_last if last else torch.contiguous_format
        self._cudnn = cudnn
        self._weight = weight.detach().contiguous(memory_format=self.format)
        self._handle = cudnn.create_handle()
        self._graph, self._places = self._describe(problem)
        try:
            self._graph.validate()
            self._graph.build_operation_graph()
            self._graph.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
        except cudnn.cudnnGraphNotSupportedError as error:
            reason = str(error).strip().splitlines() or ["no plan"]
            raise Unsupported(f"cuDNN: {reason[0]}") from error
        if note:
            self._add_other_engines()
        self._narrow(note, most_workspace_bytes)
        self._index = self._build(rank)
        self.name = self._graph.get_plan_name_at_index(self._index)
        self.workspace_bytes = self._graph.get_workspace_size_plan_at_index(self._index)

    def _describe(self, problem: Problem) -> tuple[Any, tuple[Any, Any, Any]]:
        cudnn, kind = self._cudnn, getattr(self._cudnn.data_type, _TYPES[self._weight.dtype])
        sums = cudnn.data_type.DOUBLE if self._weight.dtype is torch.float64 else (
            cudnn.data_type.FLOAT
        )  # fmt: skip
        graph = cudnn.pygraph(
            io_data_type=kind,
            intermediate_data_type=sums,
            compute_data_type=sums,
            handle=self._handle,
        )

        def tensor(name: str, shape: tuple[int, ...]) -> Any:
            strides = list(_strides(shape, self.format))
            return graph.tensor(name=name, dim=list(shape), stride=strides, data_type=kind)

        x, weight = tensor("x", problem.input_shape), tensor("w", problem.weight_shape)
        padding = list(problem.padding)
        y = graph.conv_fprop(
            image=x,
            weight=weight,
            pre_padding=padding,
            post_padding=padding,
            stride=list(problem.stride),
            dilation=list(problem.dilation),
            compute_data_type=sums,
        )
        y.set_output(True).set_data_type(kind)
        strides = list(_strides(problem.output_shape, self.format))
        y.set_dim(list(problem.output_shape)).set_stride(strides)
        return graph, (x, weight, y)

    def _add_other_engines(self) -> None:
        """Append every engine at its default settings: the heuristic drops what seems slow."""
        for engine in range(self._graph.get_engine_count()):
            # What does not take the problem fails as either, whatever is amiss with it.
            with contextlib.suppress(self._cudnn.cudnnGraphNotSupportedError, RuntimeError):
                self._graph.create_execution_plan(engine, {})

    def _narrow(self, note: str | None, most_workspace_bytes: int | None) -> None:
        """Bar plans. They keep their places, and refuse to be built."""
        notes = self._cudnn.numerical_note
        if note:
            self._graph.select_numeric_notes([getattr(notes, note)])
        if self._weight.dtype is torch.float32:  # strict: tensor cores would mean TF32
            if note == "TENSOR_CORE":
                raise Unsupported("in float32 tensor cores compute TF32; the row is strict")
            self._graph.deselect_numeric_notes([notes.TENSOR_CORE, notes.DOWN_CONVERT_INPUTS])
        if most_workspace_bytes is not None:
            self._graph.deselect_workspace_greater_than(most_workspace_bytes)

    def _build(self, rank: int) -> int:
        """Build the plans that are left, up to `rank`, and return the last one's place."""
        built = 0
        for index in range(self._graph.get_execution_plan_count()):
            with contextlib.suppress(self._cudnn.cudnnGraphNotSupportedError):
                self._graph.build_plan_at_index(index)
                if built == rank:
                    return index
                built += 1
        raise Unsupported(f"cuDNN offers {built} such plans for this problem")

    def __call__(self, input: torch.Tensor, problem: Problem) -> torch.Tensor:
        x = input.detach().contiguous(memory_format=self.format)
        y = torch.empty(
            problem.output_shape, dtype=x.dtype, device=x.device, memory_format=self.format
        )
        workspace = torch.empty(self.workspace_bytes, dtype=torch.uint8, device=x.device)
        if x.is_cuda:  # another one while a graph is captured
            stream = torch.cuda.current_stream().cuda_stream
            self._cudnn.set_stream(handle=self._handle, stream=stream)
        given = dict(zip(self._places, (x, self._weight, y), strict=True))
        self._graph.execute_plan_at_index(given, workspace, index=self._index, handle=self._handle)
        return y


def _prepare(weight: torch.Tensor, problem: Problem, **choice: Any) -> Plan:
    return Plan(_front_end(), weight, problem, **choice)


def _row(name: str, summary: str, **choice: Any) -> None:
    packing = Packing(
        name,
        functools.partial(_prepare, **choice),
        why_not_plain="building a plan takes milliseconds",
    )

    def convolve(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        packed = packing.of_call(input, weight, bias, stride, padding, dilation, groups)
        return add_bias(packed.content(input, packed.problem), bias)

    convolve.__doc__ = summary
    register(
        name,
        family="vendor",
        error_factor=4,  # as for impls/cudnn.py: which algorithm it is shows only on the card
        devices=("cuda",),
        dtypes=("float32", "float64", "float16", "bfloat16"),
        nan_policy="plane",
        available=_why_not_here,
        supports=lambda problem: None if problem.batch_size else "needs an image",
        prepare=packing.prepare,
        on_request=True,
    )(convolve)


for _rank in range(RANKED):
    _row(
        f"cudnn_plan_{_rank}", "cuDNN's plan of this rank; its heuristic's first is 0.", rank=_rank
    )
for _note in NOTES:
    _row(
        f"cudnn_{_note.lower()}",
        f"cuDNN's best plan that it marks as {_note.lower().replace('_', ' ')}.",
        note=_note,
    )
for _limit in LIMITS_MIB:
    _row(
        f"cudnn_workspace_{_limit}mib",
        f"cuDNN's best plan with a workspace of at most {_limit} MiB.",
        most_workspace_bytes=_limit * 2**20,
    )
