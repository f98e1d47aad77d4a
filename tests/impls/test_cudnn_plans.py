"""cuDNN's plans through a stand-in for its front end: which are asked for, in which order."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from oracle import draw, exact, implementations
from test_every_implementation import SHAPES

from impls import cudnn_plans
from impls.cudnn_plans import RANKED as ROWS_RANKED
from impls.cudnn_plans import Plan
from suite.errors import Unsupported
from tests.studies.gpu.cudnn_offers import KINDS, PROBLEMS, WithoutCard, plans

ENTRIES = {entry.name: entry for entry in implementations()}
RANKED = (
    {"name": "eng0", "notes": {"TENSOR_CORE"}, "workspace": 2**20},
    {"name": "eng1", "notes": set(), "workspace": 0},
    {"name": "eng2", "notes": {"WINOGRAD"}, "workspace": 200 * 2**20},
    {"name": "eng3", "notes": {"DOWN_CONVERT_INPUTS"}, "workspace": 0},
)
ENGINES = (
    *RANKED,
    {"name": "eng4", "notes": {"WINOGRAD"}, "workspace": 0},
    None,  # does not take the problem
    {"name": "eng6", "notes": {"FFT"}, "workspace": 0},
)


class NotSupported(Exception):
    """As in the package, where it is no RuntimeError."""


class Tensor:
    def __init__(self, dim=None, stride=None):
        self.dim, self.stride = dim, stride

    def set_output(self, _):
        return self

    def set_data_type(self, _):
        return self

    def set_dim(self, dim):
        self.dim = dim
        return self

    def set_stride(self, stride):
        self.stride = stride
        return self


class Graph:
    """A graph of one convolution; executes any plan by torch."""

    def __init__(self, **types):
        self.types, self.plans, self.barred = types, [], set()

    def tensor(self, *, dim, stride, **_):
        return Tensor(dim, stride)

    def conv_fprop(self, *, image, weight, pre_padding, post_padding, stride, dilation, **_):
        assert pre_padding == post_padding
        self.call = (image, weight, pre_padding, stride, dilation)
        self.result = Tensor()
        return self.result

    def validate(self): ...

    def build_operation_graph(self): ...

    def create_execution_plans(self, modes):
        assert modes == ["A", "FALLBACK"]
        if self.types["io_data_type"] == "DOUBLE":
            raise NotSupported("No valid engine configs\nin a long text")
        self.plans = list(RANKED)

    def get_engine_count(self):
        return len(ENGINES)

    def create_execution_plan(self, engine, knobs):
        assert knobs == {}
        if ENGINES[engine] is None:
            raise RuntimeError("finalize(engine) failed")
        self.plans.append(ENGINES[engine])

    def bar(self, wanted):
        self.barred |= {place for place, plan in enumerate(self.plans) if not wanted(plan)}

    def select_numeric_notes(self, notes):
        self.bar(lambda plan: plan["notes"] >= set(notes))

    def deselect_numeric_notes(self, notes):
        self.bar(lambda plan: not plan["notes"] & set(notes))

    def deselect_workspace_greater_than(self, most):
        self.bar(lambda plan: plan["workspace"] <= most)

    def get_execution_plan_count(self):
        return len(self.plans)

    def build_plan_at_index(self, index):
        if index in self.barred:
            raise NotSupported("Deselecting execution plan")
        self.built = index

    def get_plan_name_at_index(self, index):
        return self.plans[index]["name"]

    def get_workspace_size_plan_at_index(self, index):
        return self.plans[index]["workspace"]

    def execute_plan_at_index(self, given, workspace, *, index, **_):
        assert index == self.built
        assert workspace.numel() == self.plans[index]["workspace"]
        image, weight, padding, stride, dilation = self.call
        for place in (image, weight, self.result):
            assert list(given[place].shape) == place.dim
            assert list(given[place].stride()) == place.stride
        groups = image.dim[1] // weight.dim[1]
        given[self.result].copy_(
            F.conv2d(given[image], given[weight], None, stride, padding, dilation, groups)
        )


class Names:
    def __getattr__(self, name):
        return name


@pytest.fixture(autouse=True)
def front_end(monkeypatch):
    fake = SimpleNamespace(
        pygraph=Graph,
        create_handle=lambda: "handle",
        data_type=Names(),
        heur_mode=Names(),
        numerical_note=Names(),
        cudnnGraphNotSupportedError=NotSupported,
    )
    monkeypatch.setattr(cudnn_plans, "_front_end", lambda: fake)
    return fake


SHAPE = SHAPES["3×3 groups"]


def names_of(front_end, dtype, **choice) -> list[str]:
    weight = torch.ones(SHAPE.weight_shape, dtype=dtype)
    found = []
    for rank in range(9):
        try:
            found.append(Plan(front_end, weight, SHAPE, rank=rank, **choice).name)
        except Unsupported:
            return found
    raise AssertionError("no end of plans")


def test_every_plan_has_its_rank_and_the_row_after_the_last_says_how_many(front_end):
    assert names_of(front_end, torch.float16) == ["eng0", "eng1", "eng2", "eng3"]
    with pytest.raises(Unsupported, match="cuDNN offers 4 such plans"):
        Plan(front_end, torch.ones(SHAPE.weight_shape).half(), SHAPE, rank=4)
    with pytest.raises(Unsupported, match=r"^cuDNN: No valid engine configs$"):
        Plan(front_end, torch.ones(SHAPE.weight_shape).double(), SHAPE)


def test_strict_float32_leaves_out_what_computes_in_less(front_end):
    assert names_of(front_end, torch.float32) == ["eng1", "eng2"]


def test_notes_and_workspace_limits_narrow_the_choice(front_end):
    assert names_of(front_end, torch.float32, note="STRICT_NAN_PROP") == []
    assert names_of(front_end, torch.float16, most_workspace_bytes=0) == ["eng1", "eng3"]
    assert names_of(front_end, torch.float16, most_workspace_bytes=8 * 2**20)[0] == "eng0"


def test_an_algorithm_is_looked_for_among_engines_that_the_heuristic_leaves_out(front_end):
    assert names_of(front_end, torch.float16, note="WINOGRAD")[0] == "eng2"
    assert "eng4" in names_of(front_end, torch.float16, note="WINOGRAD")
    assert names_of(front_end, torch.float16, note="FFT") == ["eng6"]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_1x1_weight_which_is_contiguous_in_both_formats_keeps_its_own(front_end, layout):
    shape = SHAPES["1×1"]
    weight = torch.empty(shape.weight_shape, memory_format=layout)
    assert weight.is_contiguous()
    assert weight.is_contiguous(memory_format=torch.channels_last)

    assert Plan(front_end, weight, shape).format is layout


ROWS = [name for name, entry in ENTRIES.items() if entry.source.endswith("cudnn_plans.py")]


def test_there_is_a_row_for_each_choice_and_none_runs_unasked():
    assert len(ROWS) == cudnn_plans.RANKED + len(cudnn_plans.NOTES) + len(cudnn_plans.LIMITS_MIB)
    assert all(ENTRIES[name].on_request for name in ROWS)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", ["cudnn_plan_1", "cudnn_winograd", "cudnn_workspace_8mib"])
def test_a_row_computes_the_convolution_in_either_format(name, layout):
    x, weight, bias = draw(SHAPE)
    x, weight = (tensor.contiguous(memory_format=layout) for tensor in (x, weight))

    packed = ENTRIES[name].prepare(weight, SHAPE)
    output = ENTRIES[name].function(
        x, packed, bias, SHAPE.stride, SHAPE.padding, SHAPE.dilation, SHAPE.groups
    )

    assert torch.allclose(output.double(), exact(SHAPE, x, weight, bias), atol=1e-5)
    assert output.is_contiguous(memory_format=layout)


def test_tensor_cores_are_refused_in_strict_float32():
    with pytest.raises(Unsupported, match="TF32"):
        ENTRIES["cudnn_tensor_core"].prepare(torch.ones(SHAPE.weight_shape), SHAPE)


@pytest.fixture(scope="module")
def real():
    """The package itself, which plans for a card that it has only a description of."""
    try:
        return {card: WithoutCard(card) for card in ("H100", "A100")}
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"needs nvidia-cudnn-frontend and nvidia-cudnn-cu13, for 1 GB: {error}")


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_package_itself_ranks_its_plans_each_in_a_row(real, name, kind):
    problem = PROBLEMS[name]
    weight = torch.empty(problem.weight_shape, dtype=kind[0], memory_format=kind[1])

    found = plans(real["H100"], weight, problem)

    assert 1 <= len(found) <= ROWS_RANKED
    assert len({plan.name for plan in found}) == len(found)
    assert all(plan.format is kind[1] for plan in found)


def test_the_package_itself_keeps_to_notes_and_limits(real):
    problem = PROBLEMS["64→64 3×3 at 56, batch 64"]
    weight = torch.empty(problem.weight_shape)
    strict = {plan.name for plan in plans(real["A100"], weight, problem)}
    winograd = plans(real["A100"], weight, problem, note="WINOGRAD")
    small = plans(real["A100"], weight, problem, most_workspace_bytes=0)
    tensor_core = plans(real["A100"], weight.half(), problem, note="TENSOR_CORE")

    assert winograd
    assert winograd[0].name in strict
    assert all(plan.workspace_bytes == 0 for plan in small)
    assert 0 < len(small) < len(strict)
    assert not strict & {plan.name for plan in tensor_core}
    assert not plans(real["A100"], weight, problem, note="FFT")
